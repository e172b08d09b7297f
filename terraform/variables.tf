variable "name" {
  description = "The installation's name. Everything is called by it: two installations in one account need two names."
  type        = string
  default     = "doorbell"
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is 3 to 20 of a-z 0-9 -, begins with a letter and does not end with a hyphen: AWS's names grow from it."
  }
}

variable "account_id" {
  description = "The account's 12 digits. Unset, AWS is asked; set it to plan without credentials."
  type        = string
  default     = null
  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id has 12 digits; it stands in the account menu of AWS's console."
  }
}

variable "images" {
  description = "The worker's and the builds' image, each by digest. Unset, the account gets all but what needs them: no worker runs, no build project is there."
  type        = object({ worker = string, build = string })
  default     = null
  validation {
    condition = var.images == null || alltrue([
      for image in values(coalesce(var.images, {})) : can(regex("^[^@ ]+@sha256:[0-9a-f]{64}$", image))
    ])
    error_message = "images are named by digest (REPOSITORY@sha256:...): a tag can be moved to another image."
  }
}

variable "network" {
  description = "Where workers run: subnets of one VPC from which AWS and the forges can be reached on TCP 443. Public subnets need assign_public_ip."
  type = object({
    vpc_id           = string
    subnet_ids       = list(string)
    assign_public_ip = optional(bool, false)
  })
  default = null
  validation {
    condition     = var.network != null || var.images == null
    error_message = "network is needed as soon as there are images: workers run in its subnets."
  }
  validation {
    condition     = var.network == null || length(try(var.network.subnet_ids, [])) > 0
    error_message = "network.subnet_ids names no subnet; two in different availability zones are a good start."
  }
}

variable "tasks" {
  description = "How many workers run, and whether their number follows the backlog. One carries thousands of requests; two survive the loss of a zone without a pause."
  type = object({
    min         = optional(number, 1)
    max         = optional(number, 4)
    autoscaling = optional(bool, true)
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.tasks.min >= 1 && var.tasks.min <= var.tasks.max && floor(var.tasks.min) == var.tasks.min && floor(var.tasks.max) == var.tasks.max
    error_message = "tasks.min and tasks.max are whole numbers, and min is 1 to max: with no worker nobody sweeps."
  }
}

variable "topic_kms_key_arn" {
  description = "A customer-managed key for the topic. Unset, AWS's own key encrypts it, which asks nothing of a publisher. With one, each publisher also gets kms:GenerateDataKey* and kms:Decrypt on it, through SNS only; the key's own policy has to admit them."
  type        = string
  default     = null
  validation {
    condition     = var.topic_kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.topic_kms_key_arn))
    error_message = "topic_kms_key_arn is a key's ARN (arn:aws:kms:REGION:ACCOUNT:key/ID). An alias won't do: IAM grants keys."
  }
}

variable "operator_arns" {
  description = "IAM principals that may take on the operator's role: read jobs, logs and the registry, redrive dead letters, stop builds, run `doorbell doctor`. Without any there is no such role."
  type        = list(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for arn in var.operator_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "operator_arns are ARNs of roles or users, whole: no account's root, and no *."
  }
}

variable "alarm_topic_arns" {
  description = "SNS topics that hear of alarms. Without any, alarms are only shown."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "log_retention_days" {
  description = "How long logs of the worker and of builds are kept."
  type        = number
  default     = 365
  nullable    = false
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days is a number of days that CloudWatch Logs knows: 30, 90, 180, 365, 400, 731, ..."
  }
}

variable "deletion_protection" {
  description = "Whether the table of jobs is guarded against deletion. bin/destroy_infra says what to do."
  type        = bool
  default     = true
  nullable    = false
}
