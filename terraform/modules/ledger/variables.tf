variable "place" {
  description = "Where everything is: the installation's name, and the parts of ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "deletion_protection" {
  description = "Whether the table can only be deleted after this was set to false."
  type        = bool
}
