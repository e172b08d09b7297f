variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "topic_kms_key_arn" {
  description = "A customer-managed key for the topic; null for AWS's own key, which requires no KMS permission of publishers."
  type        = string
}

variable "rule_arns" {
  description = "The EventBridge rules that may send to the event queue and its dead-letter queue."
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
