output "table_name" {
  description = "The worker's DOORBELL_TABLE."
  value       = local.table_name
}

output "table_arn" {
  description = "The table's ARN, put together from its name."
  value       = local.table_arn
}

output "index_arns" {
  description = "ARNs of the table's indexes, by name."
  value       = { for name in ["due", "by_project"] : name => "${local.table_arn}/index/${name}" }
}
