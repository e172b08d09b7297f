output "topic_arn" {
  description = "The topic that publishers publish to: DOORBELL_TOPIC_ARN in each CI."
  value       = module.queues.topic_arn
}

output "done_topic_arn" {
  description = "The topic of done events, to which subscribers subscribe; null without done_events."
  value       = one(module.done_topic[*].topic_arn)
}

output "publisher_role_arns" {
  description = "The role that each CI with OpenID Connect, and each principal with ci = role, assumes."
  value       = module.publishers.role_arns
}

output "access_key_commands" {
  description = "For CI systems that only support access keys: the command that creates a key. It prints the secret once; the state never contains it."
  value       = { for name, user in module.publishers.user_names : name => "aws iam create-access-key --user-name ${user}" }
}

output "operator_role_arn" {
  description = "The role of the person on call; null without operator_arns."
  value       = module.operator_role.role_arn
}

output "responder_role_arn" {
  description = "The role that pauses, rolls back, cancels and reruns; null without responder_arns."
  value       = module.operator_role.responder_role_arn
}

output "repository_urls" {
  description = "The repositories of the two images."
  value       = module.worker.repository_urls
}

output "build_projects" {
  description = "The CodeBuild project of each project."
  value       = module.builds.build_projects
}

output "shared_build_project" {
  description = "The CodeBuild project for `buildProject` in documents that Terraform does not write; null without shared_build_project."
  value       = module.builds.shared_build_project
}

output "build_role_names" {
  description = "The role of each project's builds. It can read the project's git secret and write its log; attach the permissions that a deployment needs."
  value       = module.builds.role_names
}

output "worker_role_name" {
  description = "The name of the worker's role. A customer-managed key of the registry or of a secret must allow it kms:Decrypt."
  value       = module.worker.worker_role_name
}

output "worker_environment" {
  description = "The worker's environment variables."
  value       = module.worker.worker_environment
}

output "queue_urls" {
  description = "The URLs of all queues, by purpose."
  value       = module.queues.queue_urls
}

output "registry" {
  description = "The SSM parameter of each project."
  value       = module.registry.parameter_names
}

output "environment" {
  description = "Shell commands that export the environment of `doorbell` and `trigger_job`: the Region, the topic, the queues, the table and the registry."
  value       = module.worker.cli_environment
}
