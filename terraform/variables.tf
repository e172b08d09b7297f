variable "name" {
  description = "The installation's name, which is part of the name of every resource. Two installations in one account need two names."
  type        = string
  default     = "doorbell"
  nullable    = false
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name)) && !strcontains(var.name, "--")
    error_message = "name must have 3 to 20 characters of a-z 0-9 -, begin with a letter, not end with a hyphen and not contain two in a row. The names of all resources contain it, and two hyphens separate it from a project's."
  }
  validation {
    condition     = var.registry_prefix != null || !can(regex("^(aws|ssm)", var.name))
    error_message = "name must not begin with aws or ssm, because SSM reserves parameters /aws* and /ssm*. Choose another name, or set registry_prefix."
  }
}

variable "account_id" {
  description = "The AWS account's id, 12 digits. Without it, Terraform asks AWS; set it to plan without credentials."
  type        = string
  default     = null
  validation {
    condition     = var.account_id == null || can(regex("^[0-9]{12}$", var.account_id))
    error_message = "account_id must have 12 digits. The account menu of the AWS console shows it."
  }
}

variable "images" {
  description = "The images of the worker and of builds, each with its digest. Without them, Terraform creates no worker and no build project."
  type        = object({ worker = string, build = string })
  default     = null
  validation {
    condition = var.images == null || alltrue([
      for image in values(coalesce(var.images, {})) : can(regex("^[^@ ]+@sha256:[0-9a-f]{64}$", image))
    ])
    error_message = "images must have digests (REPOSITORY@sha256:...), because a tag can move to another image."
  }
}

variable "network" {
  description = "The VPC and subnets of the workers. AWS and the forges must be reachable from them on TCP 443. Public subnets need assign_public_ip."
  type = object({
    vpc_id           = string
    subnet_ids       = list(string)
    assign_public_ip = optional(bool, false)
  })
  default = null
  validation {
    condition     = var.network != null || var.images == null
    error_message = "images need a network: the workers run in its subnets."
  }
  validation {
    condition     = var.network == null || length(try(var.network.subnet_ids, [])) > 0
    error_message = "network.subnet_ids must not be empty. Name two subnets in different availability zones."
  }
}

variable "tasks" {
  description = "The number of workers, and whether it follows the backlog. One worker handles thousands of requests; two survive the loss of an availability zone without a pause."
  type = object({
    min         = optional(number, 1)
    max         = optional(number, 4)
    autoscaling = optional(bool, true)
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.tasks.min >= 1 && var.tasks.min <= var.tasks.max && floor(var.tasks.min) == var.tasks.min && floor(var.tasks.max) == var.tasks.max
    error_message = "tasks.min and tasks.max must be whole numbers, and min must be from 1 to max. Without a worker no job makes progress."
  }
}

variable "topic_kms_key_arn" {
  description = "A customer-managed KMS key for the topic. Without it, AWS's own key encrypts the topic, and publishers need no KMS permission. With it, each publisher also gets kms:GenerateDataKey* and kms:Decrypt on the key, through SNS only; the key's policy must allow this."
  type        = string
  default     = null
  validation {
    condition     = var.topic_kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.topic_kms_key_arn))
    error_message = "topic_kms_key_arn must be the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not of an alias, because IAM grants permissions on keys."
  }
}

variable "operator_arns" {
  description = "IAM principals that may assume the operator's role. It reads jobs, logs and the registry, redrives dead letters, stops builds and runs `doorbell doctor`. Without principals, Terraform creates no such role."
  type        = list(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for arn in var.operator_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "operator_arns must be complete ARNs of roles or users, without an account's root and without *."
  }
}

variable "alarm_topic_arns" {
  description = "SNS topics that receive the alarms. Without topics, only the CloudWatch console shows alarms."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "log_retention_days" {
  description = "The retention of the worker's and the builds' logs, in days."
  type        = number
  default     = 365
  nullable    = false
  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a retention that CloudWatch Logs offers: 30, 90, 180, 365, 400, 731, ..."
  }
}

variable "deletion_protection" {
  description = "Whether DynamoDB protects the table of jobs against deletion. bin/destroy_infra --help explains how to remove it."
  type        = bool
  default     = true
  nullable    = false
}

variable "shared_build_project" {
  description = "Whether there is a build project for projects that Terraform does not manage (`doorbell project put`, documents of iwomp-in-aws). Its role reads no secret, and a compromised worker can run any command in it."
  type        = bool
  default     = false
  nullable    = false
}

variable "ignored_override_keys" {
  description = "Condition keys of StartBuild's overrides, without the prefix `codebuild:`, that the worker's policy does not require to be absent. For the case that AWS fills a key without an override, so that no build starts: an apply brings builds back. A compromised worker may use the override of each key that is listed here."
  type        = set(string)
  default     = []
  nullable    = false
}
