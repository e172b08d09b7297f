variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "principal_arns" {
  description = "The IAM principals that may assume the role."
  type        = list(string)
}

variable "responder_arns" {
  description = "The IAM principals that may assume the responder's role."
  type        = list(string)
}

variable "table_arn" {
  description = "The ARN of the ledger's table."
  type        = string
}

variable "index_arns" {
  description = "The ARNs of the table's indexes."
  type        = list(string)
}

variable "topic_arn" {
  description = "The ARN of the topic."
  type        = string
}

variable "topic_kms_key_arn" {
  description = "The customer-managed key of the topic; null without one."
  type        = string
}

variable "queue_arns" {
  description = "The ARNs of all queues, by purpose."
  type        = map(string)
}

variable "dead_letter_queues" {
  description = "The keys of the dead-letter queues."
  type        = list(string)
}

variable "build_project_arns" {
  description = "Patterns of the ARNs of all build projects."
  type        = list(string)
}

variable "log_group_patterns" {
  description = "Patterns of the names of the worker's and the builds' log groups."
  type        = list(string)
}

variable "registry_prefix" {
  description = "The prefix of the registry's parameters, `<prefix>/<project>`."
  type        = string
}

variable "rule_arns" {
  description = "The ARNs of the rules for build events."
  type        = list(string)
}

variable "role_name_patterns" {
  description = "Patterns of the names of the worker's and the builds' roles."
  type        = list(string)
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
