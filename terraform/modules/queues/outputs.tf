output "topic_arn" {
  description = "The topic that publishers publish to: their DOORBELL_TOPIC_ARN."
  value       = local.topic_arn
  # A publisher can use the ARN as soon as Terraform outputs it.
  depends_on = [aws_sns_topic.requests, aws_sns_topic_subscription.triggers]
}

output "queue_names" {
  description = "The names of all queues, by purpose."
  value       = local.queue_names
}

output "queue_arns" {
  description = "The ARNs of all queues, by purpose."
  value       = local.queue_arns
}

output "queue_urls" {
  description = "The URLs of all queues, by purpose."
  value       = { for queue, name in local.queue_names : queue => "https://sqs.${var.context.region}.${local.dns_suffix}/${var.context.account_id}/${name}" }
  depends_on  = [aws_sqs_queue.work, aws_sqs_queue.dead_letters]
}

output "dead_letter_queues" {
  description = "The keys of the dead-letter queues."
  value       = keys(local.dead_letter_queues)
}
