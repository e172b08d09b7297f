output "build_projects" {
  description = "The CodeBuild project of each registered project."
  value       = local.build_name
}

output "unprivileged_build_project" {
  description = "The CodeBuild project of pull requests."
  value       = local.unprivileged_name
}

output "project_arns" {
  description = "ARNs of all CodeBuild projects, by their names."
  value       = local.arn
}

output "role_names" {
  description = "The role of each registered project's builds: attach to it what they need."
  value       = { for project, name in local.build_name : project => name }
}

output "rule_arns" {
  description = "ARNs of the rules, put together from their names."
  value       = [for name in values(local.rule_name) : "arn:${var.context.partition}:events:${local.at}:rule/${name}"]
}

output "log_groups" {
  description = "Where each CodeBuild project logs, by its name."
  value       = local.log_group
}
