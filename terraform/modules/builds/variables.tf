variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "projects" {
  description = "The projects that builds are made for, by name: what their builds are like, and the secrets that they may read."
  type = map(object({
    concurrent_builds = number
    compute_type      = string
    secret_arns       = list(string)
  }))
}

variable "image" {
  description = "The image that builds run in; null while there is none, and then there are no build projects."
  type        = string
}

variable "log_retention_days" {
  description = "How long builds' logs are kept."
  type        = number
}

variable "event_queue_arn" {
  description = "Where the builds' events go."
  type        = string
}

variable "event_dead_letter_queue_arn" {
  description = "Where events go that the queue did not take."
  type        = string
}
