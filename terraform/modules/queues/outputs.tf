output "topic_arn" {
  description = "Where publishers publish: their DOORBELL_TOPIC_ARN."
  value       = local.topic_arn
  # Whoever is told the ARN may use it at once.
  depends_on = [aws_sns_topic.requests, aws_sns_topic_subscription.triggers]
}

output "queue_names" {
  description = "Names of all queues, by what they are for."
  value       = local.queue_names
}

output "queue_arns" {
  description = "ARNs of all queues, by what they are for."
  value       = local.queue_arns
}

output "queue_urls" {
  description = "URLs of all queues, by what they are for."
  value       = { for queue, name in local.queue_names : queue => "https://sqs.${var.context.region}.${local.dns_suffix}/${var.context.account_id}/${name}" }
  depends_on  = [aws_sqs_queue.work, aws_sqs_queue.dead_letters]
}

output "dead_letter_queues" {
  description = "Which of the queues are dead-letter queues."
  value       = keys(local.dead_letter_queues)
}
