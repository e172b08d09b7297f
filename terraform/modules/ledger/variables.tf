variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "deletion_protection" {
  description = "Whether DynamoDB protects the table against deletion."
  type        = bool
}
