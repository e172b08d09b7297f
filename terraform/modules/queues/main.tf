# What arrives: the topic that publishers ring, the queue it feeds, the queue of CodeBuild's events, and a dead-letter
# queue for each way in which a message can be in vain.
#
# ARNs are put together from names, here and in the other modules: so a plan holds every policy in full, and can be
# judged before anything exists.

locals {
  sqs_arn_prefix = "arn:${var.context.partition}:sqs:${var.context.region}:${var.context.account_id}"
  # Of China's Regions it is another one.
  dns_suffix = var.context.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"

  topic_name = "${var.context.name}-requests"
  topic_arn  = "arn:${var.context.partition}:sns:${var.context.region}:${var.context.account_id}:${local.topic_name}"

  topic_sender = { service = "sns.amazonaws.com", sources = [local.topic_arn] }
  rule_sender  = { service = "events.amazonaws.com", sources = var.rule_arns }

  # A message is deleted as soon as its row is durable: only a crash, or a ledger that is down, makes one return.
  # Thirty receives, 20 s apart, ride out ten minutes of that.
  work_queues = {
    triggers = { sender = local.topic_sender, dead_letters = "dead-letters" }
    events   = { sender = local.rule_sender, dead_letters = "events-dead-letters" }
  }
  # `source_queue`: the one queue that may use it as its dead-letter queue. SNS and EventBridge, and the worker, send by
  # themselves and need no such permission.
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

  # Bytes. A request is at most 16 KiB, but what SNS and EventBridge can send must fit, or it would vanish without a
  # reason: the worker buries what is too large, with one.
  max_message_bytes = 256 * 1024
  # Seconds. The default is 0: every receive would return at once.
  receive_wait_seconds = 20
}

resource "aws_sns_topic" "requests" {
  name = local.topic_name
  # AWS's own key admits whoever may publish; a key of the owner's asks two KMS actions more of each publisher.
  kms_master_key_id = coalesce(var.topic_kms_key_arn, "alias/aws/sns")
  # SHA-256; the default, 1, is SHA-1.
  signature_version = 2
  # The default policy lets every principal of the account do everything to the topic.
  policy = data.aws_iam_policy_document.topic.json

  # SNS refuses a policy that names principals which are not there.
  depends_on = [terraform_data.publishers]
}

# Comes after the principals without making this module wait for them, which would hide its policies from a plan.
resource "terraform_data" "publishers" {
  input = var.publisher_principal_ids
}

data "aws_iam_policy_document" "topic" {
  dynamic "statement" {
    # A statement without principals is none.
    for_each = length(var.publisher_arns) == 0 ? [] : [var.publisher_arns]
    content {
      sid       = "Publish"
      actions   = ["sns:Publish"]
      resources = [local.topic_arn]
      principals {
        type        = "AWS"
        identifiers = statement.value
      }
    }
  }

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
  # SQS's longest, 14 days. The time of sending is kept when a message is moved, so this must exceed the queue's own.
  message_retention_seconds = 14 * 24 * 3600
  max_message_size          = local.max_message_bytes
  receive_wait_time_seconds = local.receive_wait_seconds
  sqs_managed_sse_enabled   = true
  policy                    = data.aws_iam_policy_document.queue[each.key].json
  redrive_allow_policy = (each.value.source_queue == null
    ? jsonencode({ redrivePermission = "denyAll" })
    : jsonencode({ redrivePermission = "byQueue", sourceQueueArns = [local.queue_arns[each.value.source_queue]] })
  )
}

resource "aws_sqs_queue" "work" {
  for_each = local.work_queues

  name = local.queue_names[each.key]
  # Parse, insert, delete: nothing holds a message for longer than a few seconds. What a worker took with it waits as long.
  visibility_timeout_seconds = 20
  # 4 days. A request older than 72 h is refused anyway.
  message_retention_seconds = 4 * 24 * 3600
  max_message_size          = local.max_message_bytes
  receive_wait_time_seconds = local.receive_wait_seconds
  sqs_managed_sse_enabled   = true
  policy                    = data.aws_iam_policy_document.queue[each.key].json
  redrive_policy = jsonencode({
    deadLetterTargetArn = local.queue_arns[each.value.dead_letters]
    maxReceiveCount     = 30
  })
  # Nobody's dead letters belong here.
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
      # Against the confused deputy: the service also works for other accounts.
      condition {
        test     = "ArnEquals"
        variable = "aws:SourceArn"
        values   = statement.value.sources
      }
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [var.context.account_id]
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
  # What the queue's policy refuses SNS drops at once, unless the subscription has a dead-letter queue of its own.
  redrive_policy = jsonencode({ deadLetterTargetArn = local.queue_arns["subscription-dead-letters"] })

  depends_on = [aws_sqs_queue.dead_letters]
}
