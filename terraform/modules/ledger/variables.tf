variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "deletion_protection" {
  description = "Whether the table can only be deleted after this was set to false."
  type        = bool
}
