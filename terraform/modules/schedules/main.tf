# Builds at fixed times. EventBridge Scheduler publishes the request as any CI does, with a role that may only publish.

locals {
  enabled  = length(var.schedules) == 0 ? 0 : 1
  name     = "${var.context.name}-scheduler"
  group_id = "${var.context.region}:${var.context.account_id}:schedule-group/${var.context.name}"

  messages = {
    for name, schedule in var.schedules : name => jsonencode({
      for key, value in {
        project = schedule.project
        branch  = startswith(schedule.ref, "tags/") ? null : trimprefix(schedule.ref, "heads/")
        tag     = startswith(schedule.ref, "tags/") ? trimprefix(schedule.ref, "tags/") : null
        # Scheduler delivers at least once. Requests with the same id within two minutes are one job, and its retries end
        # after one.
        id        = "schedule-${name}"
        cause     = "schedule ${name}"
        variables = length(schedule.variables) == 0 ? null : schedule.variables
      } : key => value if value != null
    })
  }
}

resource "aws_scheduler_schedule_group" "doorbell" {
  count = local.enabled

  name = var.context.name
}

resource "aws_scheduler_schedule" "request" {
  for_each = var.schedules

  name                         = each.key
  group_name                   = aws_scheduler_schedule_group.doorbell[0].name
  description                  = "Requests a build of the Doorbell project ${each.value.project}."
  schedule_expression          = "cron(${each.value.cron})"
  schedule_expression_timezone = each.value.timezone

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.topic_arn
    role_arn = aws_iam_role.scheduler[0].arn
    input    = local.messages[each.key]
    retry_policy {
      maximum_event_age_in_seconds = 60
      maximum_retry_attempts       = 5
    }
  }

  # Scheduler checks the role when it takes a schedule.
  depends_on = [aws_iam_role_policy.scheduler]
}

resource "aws_iam_role" "scheduler" {
  count = local.enabled

  name                 = local.name
  permissions_boundary = var.organization.permissions_boundary_arn
  path                 = var.organization.role_path
  description          = "Publishes scheduled Doorbell requests; has no other permission."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AssumeByScheduler"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["scheduler.amazonaws.com"]
    }
    # Prevents the confused deputy: Scheduler also acts for other accounts and groups. It names the group, not the
    # schedule.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.context.account_id]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = ["arn:${var.context.partition}:scheduler:${local.group_id}"]
    }
  }
}

resource "aws_iam_role_policy" "scheduler" {
  count = local.enabled

  name   = "publish"
  role   = aws_iam_role.scheduler[0].name
  policy = var.publish_policy
}
