output "topic_arn" {
  description = "The topic of done events."
  value       = local.topic_arn
  # A subscriber can use the ARN as soon as Terraform outputs it.
  depends_on = [aws_sns_topic.done]
}
