# CloudWatch alarms. docs/runbook.md has a section for each, under the alarm's name.

locals {
  metric_dimensions = { Table = var.table_name }

  # Of the workers' metrics.
  worker_alarms = merge(local.done_event_alarms, {
    report-failures = {
      description = "More than 20 status reports to forges failed in 15 minutes."
      metric_name = "StatusReportFailures", statistic = "Sum", threshold = 20, period = 900
    }
    rejection-rate = {
      description = "The workers rejected more than 50 requests in 15 minutes: a CI is misconfigured or compromised."
      metric_name = "JobsRejected", statistic = "Sum", threshold = 50, period = 900
    }
    duplicate-build = {
      description = "A job had a duplicate build. The worker stopped it; check what it had done."
      metric_name = "DuplicateBuilds", statistic = "Sum", threshold = 0, period = 60
    }
    # A refused start is retried at most five minutes later: a shorter period would end the alarm between two tries.
    starts-refused = {
      description = "CodeBuild refuses to start builds: a permission, a build project or its settings are wrong."
      metric_name = "StartsRefused", statistic = "Sum", threshold = 0, period = 600
    }
    # A waiting job is due at least every ten minutes (if its forge is down), and only then a sweep measures its age.
    jobs-wait = {
      description = "A job has waited for its build for more than an hour."
      metric_name = "OldestWaitingSeconds", statistic = "Maximum", threshold = 3600, period = 600
    }
    quarantined = {
      description = "A job repeatedly crashed its workers. No worker handles it any more; an operator has to look."
      metric_name = "JobsQuarantined", statistic = "Sum", threshold = 0, period = 60
    }
    panics = {
      description = "A task of a worker panicked: a bug in Doorbell."
      metric_name = "Panics", statistic = "Sum", threshold = 0, period = 60
    }
  })
  # A job whose event is refused tries 8 times in 15 minutes: one such job suffices for the alarm, a hiccup of SNS does not.
  done_event_alarms = var.done_topic_arn == null ? {} : {
    done-event-failures = {
      description = "More than 5 calls that publish done events failed in 15 minutes."
      metric_name = "DoneEventFailures", statistic = "Sum", threshold = 5, period = 900
    }
  }

  # Of SQS's metrics.
  queue_alarms = merge(
    {
      trigger-queue-age = {
        description = "The oldest request has waited for more than 5 minutes: no worker receives it."
        metric_name = "ApproximateAgeOfOldestMessage", queue = "triggers", threshold = 300, period = 300
      }
      event-queue-age = {
        description = "The oldest build event has waited for more than 15 minutes: status reports are late."
        metric_name = "ApproximateAgeOfOldestMessage", queue = "events", threshold = 900, period = 300
      }
    },
    {
      for queue in var.dead_letter_queues : queue => {
        description = "There are messages in ${var.queue_names[queue]}."
        metric_name = "ApproximateNumberOfMessagesVisible", queue = queue, threshold = 0, period = 60
      }
    },
  )

  # Of CloudWatch Logs' metrics. The credentials of a build work wherever its command takes them, until they expire: a
  # stranger's pull request can write into its log group from outside, and the account pays by volume.
  log_alarms = {
    pull-request-logs = {
      description = "The builds of pull requests logged more than 100 MB in an hour, or a stranger did with their credentials."
      metric_name = "IncomingBytes", group = var.unprivileged_log_group, threshold = 100000000, period = 3600
    }
  }

  alarms = merge(
    {
      for name, alarm in local.worker_alarms : name => merge(alarm, { namespace = "Doorbell", dimensions = local.metric_dimensions })
    },
    {
      for name, alarm in local.queue_alarms : name => merge(alarm, {
        namespace = "AWS/SQS", dimensions = { QueueName = var.queue_names[alarm.queue] }, statistic = "Maximum"
      })
    },
    {
      for name, alarm in local.log_alarms : name => merge(alarm, {
        namespace = "AWS/Logs", dimensions = { LogGroupName = alarm.group }, statistic = "Sum"
      })
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "threshold" {
  for_each = local.alarms

  alarm_name          = "${var.context.name}-${each.key}"
  alarm_description   = "${each.value.description} See docs/runbook.md, ${each.key}."
  namespace           = each.value.namespace
  metric_name         = each.value.metric_name
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = 1
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  # A counter has no data until its first count, and SQS and Logs report nothing for an idle queue or group.
  treat_missing_data = "notBreaching"
  alarm_actions      = var.alarm_topic_arns
  ok_actions         = var.alarm_topic_arns
}

# The one metric whose absence is the fault: without sweeps no worker processes jobs that are due.
resource "aws_cloudwatch_metric_alarm" "sweep_missing" {
  count = local.worker_count

  alarm_name        = "${var.context.name}-sweep-missing"
  alarm_description = "No worker has swept in 4 of the last 6 minutes. See docs/runbook.md, sweep-missing."
  namespace         = "Doorbell"
  metric_name       = "Sweeps"
  dimensions        = local.metric_dimensions
  statistic         = "Sum"
  # Two of three periods: the metric is a line of the worker's log, which ECS may drop under load (`mode` in task.tf).
  period              = 120
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topic_arns
  ok_actions          = var.alarm_topic_arns

  # Missing data is an alarm, so it is created after the workers run: see wait_for_steady_state.
  depends_on = [aws_ecs_service.worker, aws_ecs_service.fixed]
}
