output "build_projects" {
  description = "The CodeBuild project of each project. A resource that uses a name is made after that CodeBuild project."
  # Without an image there is none yet.
  value = { for project, name in local.build_project_names : project => lookup(local.made_build_projects, name, name) }
}

output "unprivileged_build_project" {
  description = "The CodeBuild project for pull requests."
  value       = local.unprivileged_build_project
}

output "unprivileged_log_group" {
  description = "The log group of the builds of all pull requests."
  value       = local.build_projects[local.unprivileged_build_project].log_group_name
}

output "shared_build_project" {
  description = "The CodeBuild project for documents that Terraform does not write; null for none."
  value       = local.shared_build_project
}

output "name_patterns" {
  description = "Patterns of the names of all CodeBuild projects, which are also those of their roles: the projects', that for pull requests, and the shared one."
  value       = local.name_patterns
}

output "arn_patterns" {
  description = "The same patterns as ARNs of CodeBuild projects."
  value       = { for kind, pattern in local.name_patterns : kind => "arn:${var.context.partition}:codebuild:${local.region_account}:project/${pattern}" }
}

output "role_names" {
  description = "The role of each project's builds."
  value       = { for project, name in local.build_project_names : project => name }
}

output "rule_arns" {
  description = "The ARNs of the EventBridge rules."
  value       = [for name in values(local.rule_names) : "arn:${var.context.partition}:events:${local.region_account}:rule/${name}"]
}

output "log_group_patterns" {
  description = "Patterns of the names of the builds' log groups."
  value       = [for pattern in values(local.name_patterns) : "/aws/codebuild/${pattern}"]
}
