output "parameter_names" {
  description = "The SSM parameter of each project."
  value       = { for project in keys(var.documents) : project => "${var.prefix}/${project}" }
}

output "documents" {
  description = "The registry's documents, by project."
  value       = var.documents
}
