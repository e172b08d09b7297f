output "table_name" {
  description = "The worker's DOORBELL_TABLE."
  value       = local.table_name
}

output "table_arn" {
  description = "The table's ARN, put together from its name."
  value       = local.table_arn
}

output "index_arn" {
  description = "The ARN of the index over due rows."
  value       = "${local.table_arn}/index/${local.index_name}"
}
