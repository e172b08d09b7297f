# The responder's role, for the person on call when something must change now: pause the workers, return to an earlier
# version, cancel and rerun jobs. It is a role of its own, so that reading by day takes no right to change anything.

locals {
  responder_key_statements = merge(
    var.organization.kms_key_arn == null ? {} : {
      ReadEncryptedJobs = { key = var.organization.kms_key_arn, service = "dynamodb", actions = ["kms:Decrypt"] }
    },
    var.topic_kms_key_arn == null ? {} : {
      PublishEncrypted = { key = var.topic_kms_key_arn, service = "sns", actions = ["kms:GenerateDataKey*", "kms:Decrypt"] }
    },
  )
}

resource "aws_iam_role" "responder" {
  count = length(var.responder_arns) == 0 ? 0 : 1

  name                 = "${var.context.name}-responder"
  permissions_boundary = var.organization.permissions_boundary_arn
  path                 = var.organization.role_path
  description          = "Responds to incidents of Doorbell: pauses and rolls back workers, cancels and reruns jobs."
  assume_role_policy   = data.aws_iam_policy_document.trust["responder"].json
  max_session_duration = 3600
}

resource "aws_iam_role_policy" "responder" {
  count = length(var.responder_arns) == 0 ? 0 : 1

  name   = "responder"
  role   = aws_iam_role.responder[0].name
  policy = data.aws_iam_policy_document.responder.json
}

data "aws_iam_policy_document" "responder" {
  # `doorbell jobs cancel` writes the cancel into the job's row.
  statement {
    sid       = "CancelJobs"
    actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    resources = [var.table_arn]
  }
  statement {
    sid       = "FindJobs"
    actions   = ["dynamodb:Query"]
    resources = var.index_arns
  }
  # `doorbell jobs rerun`: a request like any other, which the workers check.
  statement {
    sid       = "RerunJobs"
    actions   = ["sns:Publish"]
    resources = [var.topic_arn]
  }
  statement {
    sid       = "ReadService"
    actions   = ["ecs:DescribeServices"]
    resources = local.service_arns
  }
  # The number of workers, and which revision of their own task definition they run: no other task, and no shell.
  statement {
    sid       = "PauseAndRollBack"
    actions   = ["ecs:UpdateService"]
    resources = local.service_arns
    condition {
      test     = "ArnLikeIfExists"
      variable = "ecs:task-definition"
      values   = ["arn:${var.context.partition}:ecs:${local.region_account}:task-definition/${var.context.name}-worker:*"]
    }
    condition {
      test     = "StringNotEqualsIfExists"
      variable = "ecs:enable-execute-command"
      values   = ["true"]
    }
  }
  # A ledger or a topic with a key of the owner's.
  dynamic "statement" {
    for_each = local.responder_key_statements
    content {
      sid       = statement.key
      actions   = statement.value.actions
      resources = [statement.value.key]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["${statement.value.service}.${var.context.region}.${local.dns_suffix}"]
      }
    }
  }
  # Autoscaling would otherwise start the paused workers again.
  statement {
    sid       = "SuspendAutoscaling"
    actions   = ["application-autoscaling:RegisterScalableTarget"]
    resources = ["arn:${var.context.partition}:application-autoscaling:${local.region_account}:scalable-target/*"]
    condition {
      test     = "StringEquals"
      variable = "application-autoscaling:service-namespace"
      values   = ["ecs"]
    }
  }
}
