output "repository_urls" {
  description = "Where the images are pushed to."
  value       = { for image, repository in aws_ecr_repository.image : image => repository.repository_url }
}

output "worker_role_name" {
  description = "The worker's role."
  value       = local.name
  depends_on  = [aws_iam_role_policy.worker]
}

output "worker_environment" {
  description = "What the worker is told."
  value       = local.worker_environment
}

output "log_group_name" {
  description = "Where the worker logs."
  value       = aws_cloudwatch_log_group.worker.name
}
