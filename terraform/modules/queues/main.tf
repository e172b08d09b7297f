# The topic for build requests, the queues for requests and build events, and their dead-letter queues.
#
# This module and the others build ARNs from names. So a plan contains every policy in full, and tests can evaluate it
# before the resources exist.

locals {
  sqs_arn_prefix = "arn:${var.context.partition}:sqs:${var.context.region}:${var.context.account_id}"
  # The Regions in China have their own DNS suffix.
  dns_suffix = var.context.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"

  topic_name = "${var.context.name}-requests"
  topic_arn  = "arn:${var.context.partition}:sns:${var.context.region}:${var.context.account_id}:${local.topic_name}"

  topic_sender = { service = "sns.amazonaws.com", sources = [local.topic_arn] }
  rule_sender  = { service = "events.amazonaws.com", sources = var.rule_arns }

  # The worker deletes a message as soon as its row is durable. SQS redelivers one only after a crash or while the
  # ledger is unavailable; 30 receives, 20 s apart, cover ten minutes of that.
  work_queues = {
    triggers = { sender = local.topic_sender, dead_letters = "dead-letters" }
    events   = { sender = local.rule_sender, dead_letters = "events-dead-letters" }
  }
  # `source_queue` is the queue that may redrive to this dead-letter queue. SNS, EventBridge and the worker send
  # messages without a redrive and need no such permission.
  dead_letter_queues = {
    dead-letters              = { sender = null, source_queue = "triggers" }
    events-dead-letters       = { sender = local.rule_sender, source_queue = "events" }
    subscription-dead-letters = { sender = local.topic_sender, source_queue = null }
  }
  queue_senders = merge(
    { for name, queue in local.work_queues : name => queue.sender },
    { for name, queue in local.dead_letter_queues : name => queue.sender },
  )

  queue_names = { for queue in keys(local.queue_senders) : queue => "${var.context.name}-${queue}" }
  queue_arns  = { for queue in keys(local.queue_senders) : queue => "${local.sqs_arn_prefix}:${local.queue_names[queue]}" }

  # A request has at most 16 KiB. The limit is the maximum of SNS and EventBridge, which otherwise drop larger messages;
  # the worker dead-letters a request that is too large, with the reason.
  max_message_bytes = 256 * 1024
  # Long polling. With the default, 0, every receive returns at once.
  receive_wait_seconds = 20
}

resource "aws_sns_topic" "requests" {
  name = local.topic_name
  # AWS's own key requires no KMS permission of publishers; a customer-managed key requires two KMS actions.
  kms_master_key_id = coalesce(var.topic_kms_key_arn, "alias/aws/sns")
  # 2 is SHA-256; the default, 1, is SHA-1.
  signature_version = 2
  # The default policy allows every principal of the account every action on the topic.
  policy = data.aws_iam_policy_document.topic.json
}

# It allows nothing: publishers are of this account, so their own policies suffice. A publisher that this policy named
# could not be deleted by hand, as in an incident: SNS rejects a policy with a principal that does not exist.
data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [local.topic_arn]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sqs_queue" "dead_letters" {
  for_each = local.dead_letter_queues

  name = local.queue_names[each.key]
  # 14 days, SQS's maximum. A moved message keeps its time of sending, so this must exceed the source queue's retention.
  message_retention_seconds = 14 * 24 * 3600
  max_message_size          = local.max_message_bytes
  receive_wait_time_seconds = local.receive_wait_seconds
  sqs_managed_sse_enabled   = var.organization.kms_key_arn == null ? true : null
  kms_master_key_id         = var.organization.kms_key_arn
  policy                    = data.aws_iam_policy_document.queue[each.key].json
  redrive_allow_policy = (each.value.source_queue == null
    ? jsonencode({ redrivePermission = "denyAll" })
    : jsonencode({ redrivePermission = "byQueue", sourceQueueArns = [local.queue_arns[each.value.source_queue]] })
  )
}

resource "aws_sqs_queue" "work" {
  for_each = local.work_queues

  name = local.queue_names[each.key]
  # The worker handles a message within a few seconds. After a worker's crash SQS redelivers its messages after this
  # time.
  visibility_timeout_seconds = 20
  # 4 days. The worker rejects requests older than 72 h.
  message_retention_seconds = 4 * 24 * 3600
  max_message_size          = local.max_message_bytes
  receive_wait_time_seconds = local.receive_wait_seconds
  sqs_managed_sse_enabled   = var.organization.kms_key_arn == null ? true : null
  kms_master_key_id         = var.organization.kms_key_arn
  policy                    = data.aws_iam_policy_document.queue[each.key].json
  redrive_policy = jsonencode({
    deadLetterTargetArn = local.queue_arns[each.value.dead_letters]
    maxReceiveCount     = 30
  })
  # No queue may redrive to this one.
  redrive_allow_policy = jsonencode({ redrivePermission = "denyAll" })

  depends_on = [aws_sqs_queue.dead_letters]
}

data "aws_iam_policy_document" "queue" {
  for_each = local.queue_senders

  dynamic "statement" {
    for_each = each.value == null ? [] : [each.value]
    content {
      sid       = "SendFromSource"
      actions   = ["sqs:SendMessage"]
      resources = [local.queue_arns[each.key]]
      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }
      # Prevents the confused deputy: the service also acts for other accounts. The ARNs contain this one. AWS documents
      # nowhere that SNS fills `aws:SourceAccount` when it delivers to a queue: that condition could lose every request.
      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = statement.value.sources
      }
    }
  }

  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [local.queue_arns[each.key]]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_subscription" "triggers" {
  topic_arn = aws_sns_topic.requests.arn
  protocol  = "sqs"
  endpoint  = aws_sqs_queue.work["triggers"].arn
  # The worker needs the envelope's MessageId, TopicArn and Timestamp.
  raw_message_delivery = false
  # Without this dead-letter queue SNS drops messages that the queue's policy denies.
  redrive_policy = jsonencode({ deadLetterTargetArn = local.queue_arns["subscription-dead-letters"] })

  depends_on = [aws_sqs_queue.dead_letters]
}
