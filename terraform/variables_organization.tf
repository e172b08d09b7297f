variable "organization" {
  description = <<-TEXT
    What an organization's rules require of every resource. `permissions_boundary_arn` is the boundary of all roles and
    users, `role_path` their path. `kms_key_arn` is the customer-managed key of the queues, the ledger, the logs and the
    image repositories, and of the topic unless `topic_kms_key_arn` is set; its policy must contain the statements of the
    module `key_policy`. Tags come from the provider's `default_tags`.
  TEXT
  type = object({
    permissions_boundary_arn = optional(string)
    role_path                = optional(string, "/")
    kms_key_arn              = optional(string)
  })
  default  = {}
  nullable = false
  validation {
    condition     = var.organization.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::([0-9]{12}|aws):policy/[^*]+$", var.organization.permissions_boundary_arn))
    error_message = "organization.permissions_boundary_arn must be the ARN of a managed policy: arn:aws:iam::ACCOUNT:policy/NAME."
  }
  validation {
    condition     = can(regex("^/([A-Za-z0-9._+=,@-]+/)*$", var.organization.role_path)) && length(var.organization.role_path) <= 512
    error_message = "organization.role_path must begin and end with /, such as /ci/doorbell/."
  }
  validation {
    condition     = var.organization.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.organization.kms_key_arn))
    error_message = "organization.kms_key_arn must be the ARN of a key (arn:aws:kms:REGION:ACCOUNT:key/ID), not of an alias, because IAM grants permissions on keys."
  }
}

variable "build_network" {
  description = "The VPC of builds, for git hosts and package registries without public addresses. Builds in a VPC have no public address: the subnets need a NAT gateway or endpoints. Without it, builds run in CodeBuild's own network, as builds of pull requests always do."
  type        = object({ vpc_id = string, subnet_ids = list(string), security_group_ids = list(string) })
  default     = null
  validation {
    condition     = var.build_network == null || try(length(var.build_network.subnet_ids) > 0 && length(var.build_network.security_group_ids) > 0 && length(var.build_network.security_group_ids) <= 5, false)
    error_message = "build_network needs subnets, and 1 to 5 security groups."
  }
}
