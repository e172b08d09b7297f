variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "image" {
  description = "The image of the worker; null creates no worker."
  type        = string
}

variable "network" {
  description = "The VPC and subnets of the workers; null without an image."
  type        = object({ vpc_id = string, subnet_ids = list(string), assign_public_ip = bool })
}

variable "egress_ports" {
  description = "The TCP ports that workers may connect to: 443, and the ports of the forges."
  type        = list(number)
}

variable "tasks" {
  description = "The number of workers, and whether it follows the backlog."
  type        = object({ min = number, max = number, autoscaling = bool })
}

variable "log_retention_days" {
  description = "The retention of the worker's log, in days."
  type        = number
}

variable "keep_logs" {
  description = "Whether the log group outlives the installation."
  type        = bool
  default     = true
}

variable "alarm_topic_arns" {
  description = "The SNS topics that receive the alarms."
  type        = list(string)
}

variable "topic_arn" {
  description = "The topic for build requests."
  type        = string
}

variable "done_topic_arn" {
  description = "The topic of done events; null if there is none."
  type        = string
  default     = null
}

variable "topic_kms_key_arn" {
  description = "The customer-managed key of the topics; null for AWS's own key."
  type        = string
  default     = null
}

variable "queue_arns" {
  description = "The ARNs of all queues, by purpose."
  type        = map(string)
}

variable "queue_names" {
  description = "The names of all queues, by purpose."
  type        = map(string)
}

variable "queue_urls" {
  description = "The URLs of all queues, by purpose."
  type        = map(string)
}

variable "dead_letter_queues" {
  description = "The keys of the dead-letter queues."
  type        = list(string)
}

variable "table_name" {
  description = "The name of the ledger's table."
  type        = string
}

variable "table_arn" {
  description = "The ARN of the ledger's table."
  type        = string
}

variable "due_index_arn" {
  description = "The ARN of the ledger's index of due rows."
  type        = string
}

variable "registry_prefix" {
  description = "The prefix of the registry's parameters, `<prefix>/<project>`."
  type        = string
}

variable "report_secret_prefix" {
  description = "The beginning of the names of all secrets with a forge's token."
  type        = string
}

variable "report_secret_arns" {
  description = "The secrets with the forges' tokens, as ARNs or ARN patterns."
  type        = list(string)
}

variable "build_project_arns" {
  description = "Patterns of the ARNs of all CodeBuild projects, by kind: projects, unprivileged, and shared if there is one."
  type        = map(string)
}

variable "organization" {
  description = "The permissions boundary, path and key of all resources; see the root module."
  type = object({
    permissions_boundary_arn = optional(string)
    role_path                = optional(string, "/")
    kms_key_arn              = optional(string)
  })
  default = {}
}

variable "settings" {
  description = "Settings of the workers; see the root module's `worker`."
  type = object({
    allow_private_forges  = optional(list(string), [])
    forge_ca_certificates = optional(string)
    forge_proxy           = optional(string)
    egress                = optional(map(object({ cidr_ipv4 = string, protocol = string, port = number })), {})
    max_request_age       = optional(string)
    queue_timeout         = optional(string)
    sweep_interval        = optional(string)
    build_poll_interval   = optional(string)
    max_in_flight         = optional(number)
    max_builds            = optional(number)
    log                   = optional(string)
    otlp = optional(object({
      endpoint            = string
      headers_secret_arn  = optional(string)
      ca_certificates     = optional(string)
      resource_attributes = optional(map(string), {})
    }))
  })
  default = {}
}

variable "shared_build_project" {
  description = "The build project of documents that name none; null if there is none."
  type        = string
  default     = null
}

variable "unprivileged_log_group" {
  description = "The log group of the builds of pull requests, into which strangers can write."
  type        = string
}

variable "ignored_override_keys" {
  description = "Condition keys of StartBuild's overrides that the worker's policy does not require to be absent."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setsubtract(var.ignored_override_keys, local.overrides)) == 0
    error_message = "ignored_override_keys must be condition keys of StartBuild's overrides that the policy names, without the prefix codebuild:, such as source.buildspec. Rejected: ${join(", ", setsubtract(var.ignored_override_keys, local.overrides))}."
  }
}
