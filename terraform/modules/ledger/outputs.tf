output "table_name" {
  description = "The name of the table: the worker's DOORBELL_TABLE."
  value       = local.table_name
}

output "table_arn" {
  description = "The ARN of the table."
  value       = local.table_arn
}

output "index_arns" {
  description = "The ARNs of the table's indexes, by name."
  value       = { for name in ["due", "by_project"] : name => "${local.table_arn}/index/${name}" }
}
