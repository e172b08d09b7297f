variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "projects" {
  description = "The projects, by name: the settings of their builds, and the secrets that their builds may read."
  type = map(object({
    concurrent_builds = number
    compute_type      = string
    image             = string
    architecture      = string
    privileged_mode   = bool
    cache             = object({ paths = list(string), bucket = string })
    reports           = list(string)
    artifacts         = object({ bucket = string, paths = list(string) })
    secret_arns       = list(string)
    git_url           = string
    program           = list(string)
    append_ref        = bool
    directory         = string
    refs              = list(string)
    commit_rule       = string
    variables         = list(string)
    checkout          = string
    git_secret        = string
    timeout_minutes   = number
  }))
}

variable "shared" {
  description = "Whether there is a build project for documents that Terraform does not write."
  type        = bool
}

variable "image" {
  description = "The image of builds; null creates no build project."
  type        = string
}

variable "network" {
  description = "The VPC of the projects' builds; null for CodeBuild's own network."
  type        = object({ vpc_id = string, subnet_ids = list(string), security_group_ids = list(string) })
}

variable "keep_logs" {
  description = "Whether log groups outlive their projects."
  type        = bool
}

variable "log_retention_days" {
  description = "The retention of the builds' logs, in days."
  type        = number
}

variable "event_queue_arn" {
  description = "The queue that receives the builds' events."
  type        = string
}

variable "event_dead_letter_queue_arn" {
  description = "The queue for events that EventBridge could not deliver."
  type        = string
}

variable "unprivileged_concurrent_builds" {
  description = "The limit of concurrent builds of pull requests; null for none."
  type        = number
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
