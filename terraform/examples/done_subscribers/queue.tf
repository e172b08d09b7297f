# A queue with the failures of one project. Its dead-letter queue gets what the queue's policy denies.

resource "aws_sqs_queue" "failures" {
  name                    = "${var.project}-failures"
  sqs_managed_sse_enabled = true
}

resource "aws_sqs_queue" "undelivered" {
  name                      = "${var.project}-failures-undelivered"
  sqs_managed_sse_enabled   = true
  message_retention_seconds = 14 * 24 * 3600
}

locals {
  queues = { failures = aws_sqs_queue.failures, undelivered = aws_sqs_queue.undelivered }
}

# Only this topic may send: SNS also acts for other accounts.
data "aws_iam_policy_document" "queue" {
  for_each = local.queues

  statement {
    sid       = "SendFromDoneTopic"
    actions   = ["sqs:SendMessage"]
    resources = [each.value.arn]
    principals {
      type        = "Service"
      identifiers = ["sns.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [var.done_topic_arn]
    }
  }
}

resource "aws_sqs_queue_policy" "queue" {
  for_each = local.queues

  queue_url = each.value.url
  policy    = data.aws_iam_policy_document.queue[each.key].json
}

resource "aws_sns_topic_subscription" "failures" {
  topic_arn     = var.done_topic_arn
  protocol      = "sqs"
  endpoint      = aws_sqs_queue.failures.arn
  filter_policy = jsonencode({ project = [var.project], status = ["failure", "error"] })
  # The body is the event, without SNS's envelope.
  raw_message_delivery = true
  redrive_policy       = jsonencode({ deadLetterTargetArn = aws_sqs_queue.undelivered.arn })

  depends_on = [aws_sqs_queue_policy.queue]
}
