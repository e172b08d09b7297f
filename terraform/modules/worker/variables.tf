variable "context" {
  description = "The installation's name, and the partition, Region and account of its ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "image" {
  description = "The worker's image; null while there is none, and then no worker runs."
  type        = string
}

variable "network" {
  description = "Where workers run; null while there is no image."
  type        = object({ vpc_id = string, subnet_ids = list(string), assign_public_ip = bool })
}

variable "egress_ports" {
  description = "TCP ports that workers may call: HTTPS, and those of forges elsewhere."
  type        = list(number)
}

variable "tasks" {
  description = "How many workers run, and whether their number follows the backlog."
  type        = object({ min = number, max = number, autoscaling = bool })
}

variable "log_retention_days" {
  description = "How long the worker's log is kept."
  type        = number
}

variable "alarm_topic_arns" {
  description = "Who hears of alarms."
  type        = list(string)
}

variable "topic_arn" {
  description = "The topic whose messages are requests."
  type        = string
}

variable "queue_arns" {
  description = "All queues, by what they are for."
  type        = map(string)
}

variable "queue_names" {
  description = "Their names."
  type        = map(string)
}

variable "queue_urls" {
  description = "Their URLs."
  type        = map(string)
}

variable "dead_letter_queues" {
  description = "Which of them are dead-letter queues."
  type        = list(string)
}

variable "table_name" {
  description = "The ledger."
  type        = string
}

variable "table_arn" {
  description = "Its ARN."
  type        = string
}

variable "due_index_arn" {
  description = "The ARN of the ledger's index of due rows."
  type        = string
}

variable "registry_prefix" {
  description = "The parameters are called <prefix>/<project>."
  type        = string
}

variable "report_secret_arns" {
  description = "The forges' tokens, as ARNs of secrets or patterns of them."
  type        = list(string)
}

variable "build_variables" {
  description = "The names of variables that requests may set, by CodeBuild project."
  type        = map(list(string))
}

variable "build_project_arns" {
  description = "ARNs of all CodeBuild projects, by their names."
  type        = map(string)
}

variable "unprivileged_build_project" {
  description = "The one of pull requests."
  type        = string
}
