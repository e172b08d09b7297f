# What a person must hear of. docs/runbook.md has a section for each, by these names.

locals {
  metric_dimensions = { Table = var.table_name }

  alarms = merge(
    {
      requests-wait = {
        says      = "The oldest request waits for more than 5 minutes: no worker takes it in."
        namespace = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", stat = "Maximum"
        over      = 300, minutes = 5, missing = "notBreaching"
        of        = { QueueName = var.queue_names["triggers"] }
      }
      events-wait = {
        says      = "The oldest event waits for more than 15 minutes: flags come late."
        namespace = "AWS/SQS", metric = "ApproximateAgeOfOldestMessage", stat = "Maximum"
        over      = 900, minutes = 5, missing = "notBreaching"
        of        = { QueueName = var.queue_names["events"] }
      }
      tellings-fail = {
        says      = "A forge does not take what it is told."
        namespace = "Doorbell", metric = "StatusReportFailures", stat = "Sum"
        over      = 20, minutes = 15, missing = "notBreaching"
        of        = local.metric_dimensions
      }
      rejections = {
        says      = "Many requests are refused: a CI is misconfigured, or no longer its owner's."
        namespace = "Doorbell", metric = "JobsRejected", stat = "Sum"
        over      = 50, minutes = 15, missing = "notBreaching"
        of        = local.metric_dimensions
      }
      second-build = {
        says      = "A job had a second build. It was stopped; look what it had done."
        namespace = "Doorbell", metric = "DuplicateBuilds", stat = "Sum"
        over      = 0, minutes = 1, missing = "notBreaching"
        of        = local.metric_dimensions
      }
    },
    {
      for queue in var.dead_letter_queues : queue => {
        says      = "There are messages in ${var.queue_names[queue]}."
        namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", stat = "Maximum"
        over      = 0, minutes = 1, missing = "notBreaching"
        of        = { QueueName = var.queue_names[queue] }
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "more_than" {
  for_each = local.alarms

  alarm_name          = "${var.context.name}-${each.key}"
  alarm_description   = "${each.value.says} See docs/runbook.md, ${each.key}."
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.of
  statistic           = each.value.stat
  period              = each.value.minutes * 60
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.over
  # A counter appears once it has counted, and an idle queue reports nothing.
  treat_missing_data = each.value.missing
  alarm_actions      = var.alarm_topic_arns
  ok_actions         = var.alarm_topic_arns
}

# The one metric whose silence is the alarm: nobody looks after jobs that wait.
resource "aws_cloudwatch_metric_alarm" "no_sweep" {
  count = local.worker_count

  alarm_name          = "${var.context.name}-no-sweep"
  alarm_description   = "No worker has swept for 5 minutes. See docs/runbook.md, no-sweep."
  namespace           = "Doorbell"
  metric_name         = "Sweeps"
  dimensions          = local.metric_dimensions
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns
}
