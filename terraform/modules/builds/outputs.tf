output "build_projects" {
  description = "The CodeBuild project of each project."
  value       = local.build_project_names
}

output "unprivileged_build_project" {
  description = "The CodeBuild project for pull requests."
  value       = local.unprivileged_build_project
}

output "build_project_arns" {
  description = "The ARNs of all CodeBuild projects, by name."
  value       = local.build_project_arns
}

output "role_names" {
  description = "The role of each project's builds."
  value       = { for project, name in local.build_project_names : project => name }
}

output "rule_arns" {
  description = "The ARNs of the EventBridge rules."
  value       = [for name in values(local.rule_names) : "arn:${var.context.partition}:events:${local.region_account}:rule/${name}"]
}

output "log_group_names" {
  description = "The log group of each CodeBuild project."
  value       = local.log_group_names
}
