output "topic_arn" {
  description = "Where publishers publish: DOORBELL_TOPIC_ARN in each CI."
  value       = module.queues.topic_arn
}

output "publisher_role_arns" {
  description = "The role that each CI with OpenID Connect assumes."
  value       = module.publishers.role_arns
}

output "access_key_commands" {
  description = "For CIs that only know keys: the command that makes one. It prints the secret once; it is in no state."
  value       = { for name, user in module.publishers.user_names : name => "aws iam create-access-key --user-name ${user}" }
}

output "operator_role_arn" {
  description = "What the person on call assumes; null if nobody may."
  value       = module.operator_role.role_arn
}

output "repository_urls" {
  description = "Where the images are pushed."
  value       = module.worker.repository_urls
}

output "build_projects" {
  description = "The CodeBuild project of each registered project."
  value       = module.builds.build_projects
}

output "build_role_names" {
  description = "The role of each project's builds. It can read the project's git secret and write its log; attach to it what a deployment needs."
  value       = module.builds.role_names
}

output "worker_role_name" {
  description = "The worker's role. A customer-managed key on the registry or on secrets needs kms:Decrypt for it."
  value       = module.worker.worker_role_name
}

output "worker_environment" {
  description = "What the worker is told."
  value       = module.worker.worker_environment
}

output "queue_urls" {
  description = "All queues, by what they are for."
  value       = module.queues.queue_urls
}

output "registry" {
  description = "The SSM parameter of each project."
  value       = module.registry.parameter_names
}
