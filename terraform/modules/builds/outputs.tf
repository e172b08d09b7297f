output "build_projects" {
  description = "The CodeBuild project of each registered project."
  value       = local.build_project_names
}

output "unprivileged_build_project" {
  description = "The CodeBuild project of pull requests."
  value       = local.unprivileged_build_project
}

output "build_project_arns" {
  description = "ARNs of all CodeBuild projects, by their names."
  value       = local.build_project_arns
}

output "role_names" {
  description = "The role of each registered project's builds: attach to it what they need."
  value       = { for project, name in local.build_project_names : project => name }
}

output "rule_arns" {
  description = "ARNs of the rules, put together from their names."
  value       = [for name in values(local.rule_names) : "arn:${var.context.partition}:events:${local.region_account}:rule/${name}"]
}

output "log_group_names" {
  description = "Where each CodeBuild project logs, by its name."
  value       = local.log_group_names
}
