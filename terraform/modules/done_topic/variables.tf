variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "topic_kms_key_arn" {
  description = "A customer-managed key for the topic; null for AWS's own key."
  type        = string
}

variable "worker_role_arn" {
  description = "The role of the workers, which alone may publish."
  type        = string
}

variable "subscribers" {
  description = "Who may subscribe beside this account: other accounts, by their ids, and an organization, by its id."
  type        = object({ accounts = list(string), organization_id = string })
}
