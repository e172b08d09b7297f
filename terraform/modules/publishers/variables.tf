variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "publishers" {
  description = "CI systems that may publish build requests, keyed by a short name; see the root module."
  type = map(object({
    ci              = string
    subjects        = list(string)
    issuer          = string
    audience        = string
    create_provider = bool
    principal_arn   = string
  }))
}

variable "topic_arn" {
  description = "The topic that publishers may publish to."
  type        = string
}

variable "topic_kms_key_arn" {
  description = "The topic's customer-managed key; null for AWS's own key."
  type        = string
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
