output "repository_urls" {
  description = "The repositories of the two images."
  value       = { for image, repository in aws_ecr_repository.image : image => repository.repository_url }
}

output "worker_role_name" {
  description = "The name of the worker's role."
  value       = local.name
  depends_on  = [aws_iam_role_policy.worker]
}

output "worker_environment" {
  description = "The worker's environment variables."
  value       = local.worker_environment
}

output "log_group_name" {
  description = "The log group of the worker."
  value       = aws_cloudwatch_log_group.worker.name
}

output "cli_environment" {
  description = "The worker's environment variables that `doorbell` and `trigger_job` read, too, as shell commands."
  # None of these values contains a quote: names of resources, ARNs and URLs.
  value = join("\n", [for name, value in local.worker_environment : "export ${name}='${value}'" if name != "DOORBELL_LOG_FORMAT"])
}
