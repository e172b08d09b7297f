# What the policy of a customer-managed key must allow: the services that use it on behalf of no caller. Callers (workers,
# the operator, builds, publishers) get their permissions from their roles, so the key's policy must also leave decisions
# to IAM, as AWS's default key policy does with its statement for the account.
#
# A module of its own, because the key must exist with this policy before Doorbell: CloudWatch Logs rejects a log group
# with a key that it may not use.

data "aws_partition" "current" {}

locals {
  arn        = "arn:${data.aws_partition.current.partition}"
  dns_suffix = data.aws_partition.current.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"

  # By the encryption context, which SQS and CloudWatch Logs set to the ARN of what they encrypt.
  users = {
    # SNS delivers requests to the trigger queue, and to its dead-letter queue what the first one refused.
    EncryptRequests = { service = "sns.amazonaws.com", resource = "aws:sqs:arn", pattern = "sqs:${var.region}:${var.account_id}:${var.name}-*" }
    # EventBridge delivers the builds' events.
    EncryptEvents = { service = "events.amazonaws.com", resource = "aws:sqs:arn", pattern = "sqs:${var.region}:${var.account_id}:${var.name}-*" }
    EncryptWorkerLogs = {
      service = "logs.${var.region}.${local.dns_suffix}", resource = "aws:logs:arn", pattern = "logs:${var.region}:${var.account_id}:log-group:/${var.name}/*"
    }
    EncryptBuildLogs = {
      service = "logs.${var.region}.${local.dns_suffix}", resource = "aws:logs:arn", pattern = "logs:${var.region}:${var.account_id}:log-group:/aws/codebuild/${var.name}*"
    }
  }
}

data "aws_iam_policy_document" "key" {
  # In a key's policy `*` is the key alone, and the account's root means its IAM policies, which must stay able to
  # administer the key: without this statement no principal could.
  # checkov:skip=CKV_AWS_109:see above
  # checkov:skip=CKV_AWS_111:see above
  # checkov:skip=CKV_AWS_356:see above
  # AWS's default: the account's IAM policies decide who may use and administer the key.
  statement {
    sid       = "LeaveDecisionsToIam"
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = ["${local.arn}:iam::${var.account_id}:root"]
    }
  }

  dynamic "statement" {
    for_each = local.users
    content {
      sid       = statement.key
      actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
      resources = ["*"]
      principals {
        type        = "Service"
        identifiers = [statement.value.service]
      }
      condition {
        test     = "ArnLike"
        variable = "kms:EncryptionContext:${statement.value.resource}"
        values   = ["${local.arn}:${statement.value.pattern}"]
      }
    }
  }
}
