variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "schedules" {
  description = "Builds at fixed times, by a short name; see the root module."
  type        = map(object({ project = string, ref = string, cron = string, timezone = string, variables = map(string) }))
}

variable "topic_arn" {
  description = "The topic for build requests."
  type        = string
}

variable "publish_policy" {
  description = "The policy that permits publishing to the topic, and nothing else."
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
