output "parameter_names" {
  description = "Where each project's document stands."
  value       = { for project in keys(var.documents) : project => "${var.prefix}/${project}" }
}

output "documents" {
  description = "The documents, as they were given."
  value       = var.documents
}
