variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "deletion_protection" {
  description = "Whether DynamoDB protects the table against deletion."
  type        = bool
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
