variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "principal_arns" {
  description = "Who may take the role on."
  type        = list(string)
}

variable "table_arn" {
  description = "The ledger."
  type        = string
}

variable "index_arns" {
  description = "ARNs of the ledger's indexes."
  type        = list(string)
}

variable "topic_arn" {
  description = "The topic."
  type        = string
}

variable "queue_arns" {
  description = "All queues, by what they are for."
  type        = map(string)
}

variable "dead_letter_queues" {
  description = "Which of the queues are dead-letter queues."
  type        = list(string)
}

variable "build_project_arns" {
  description = "All build projects."
  type        = list(string)
}

variable "log_group_names" {
  description = "The worker's log and the builds' logs."
  type        = list(string)
}

variable "registry_prefix" {
  description = "The parameters are called <prefix>/<project>."
  type        = string
}

variable "rule_arns" {
  description = "The rules that bring builds' events."
  type        = list(string)
}

variable "role_names" {
  description = "The roles of workers and of builds."
  type        = list(string)
}

variable "secret_arns" {
  description = "The secrets that the registry names, as ARNs or patterns of them."
  type        = list(string)
}
