variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "publisher_arns" {
  description = "The IAM principals that may publish to the topic. Nobody else may."
  type        = list(string)
}

variable "publisher_principal_ids" {
  description = "Known when these principals exist."
  type        = list(string)
}

variable "topic_kms_key_arn" {
  description = "A customer-managed key for the topic; null for AWS's own key, which asks nothing of a publisher."
  type        = string
}

variable "rule_arns" {
  description = "The EventBridge rules that may send to the event queue, and to its dead-letter queue."
  type        = list(string)
}
