# The topic of done events: one message after each job that ends. The worker publishes; subscribers of this account, of
# listed accounts and of the organization receive.

locals {
  topic_name = "${var.context.name}-done"
  topic_arn  = "arn:${var.context.partition}:sns:${var.context.region}:${var.context.account_id}:${local.topic_name}"

  # The protocols of subscribers from other accounts: programs. Mail and text messages to a stranger's address would be
  # sent in this account's name.
  protocols = ["sqs", "lambda", "https"]
  # Another account's root stands for the principals to which that account gives the right.
  account_roots = [for id in var.subscribers.accounts : "arn:${var.context.partition}:iam::${id}:root"]
}

resource "aws_sns_topic" "done" {
  name = local.topic_name
  # As of the topic of requests. SNS decrypts before it delivers, so subscribers need no permission on the key.
  kms_master_key_id = coalesce(var.topic_kms_key_arn, "alias/aws/sns")
  # 2 is SHA-256; the default, 1, is SHA-1. HTTPS subscribers verify it.
  signature_version = 2
  # The default policy allows every principal of the account every action on the topic.
  policy = data.aws_iam_policy_document.topic.json
}

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

  # Subscribers deploy by these events. Without this statement each principal of the account with sns:Publish on any topic,
  # such as a build's role, could forge one. AWS's own services have no principal's ARN, so it denies them, too.
  statement {
    sid       = "DenyOtherPublishers"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [local.topic_arn]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "ArnNotEquals"
      variable = "aws:PrincipalArn"
      values   = [var.worker_role_arn]
    }
  }

  # Subscribers of this account need no statement: their own policies suffice.
  dynamic "statement" {
    for_each = length(local.account_roots) == 0 ? [] : [local.account_roots]
    content {
      sid       = "SubscribeFromAccounts"
      actions   = ["sns:Subscribe"]
      resources = [local.topic_arn]
      principals {
        type        = "AWS"
        identifiers = statement.value
      }
      condition {
        test     = "StringEquals"
        variable = "sns:Protocol"
        values   = local.protocols
      }
    }
  }

  dynamic "statement" {
    for_each = var.subscribers.organization_id == null ? [] : [var.subscribers.organization_id]
    content {
      sid       = "SubscribeFromOrganization"
      actions   = ["sns:Subscribe"]
      resources = [local.topic_arn]
      # No policy can list an organization's principals: the condition makes these its own.
      principals {
        type        = "AWS"
        identifiers = ["*"]
      }
      condition {
        test     = "StringEquals"
        variable = "aws:PrincipalOrgID"
        values   = [statement.value]
      }
      condition {
        test     = "StringEquals"
        variable = "sns:Protocol"
        values   = local.protocols
      }
    }
  }
}
