# The CloudWatch dashboard of the installation. A graph's title names the quantity and its unit.

locals {
  worker_metrics = { for metric in [
    "DuplicateRequests", "JobsFinished", "JobsReceived", "JobsRejected", "MessagesDeadLettered", "DuplicateBuilds",
    "StartBuildCalls", "Sweeps", "StatusReportFailures", "DoneEventFailures", "StartsRefused", "OldestWaitingSeconds", "JobsQuarantined", "Panics",
  ] : metric => ["Doorbell", metric, "Table", var.table_name] }
  queue_depth = { for queue, name in var.queue_names : queue => ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name] }

  graphs = [
    { title = "Jobs received, finished and rejected (per minute)", stat = "Sum",
    metrics = [local.worker_metrics["JobsReceived"], local.worker_metrics["JobsFinished"], local.worker_metrics["JobsRejected"]] },
    { title = "Time to start, p95 (seconds)", stat = "p95",
    metrics = [["Doorbell", "SecondsToStart", "Table", var.table_name]] },
    { title = "Queue depth (messages)", stat = "Maximum",
    metrics = [local.queue_depth["triggers"], local.queue_depth["events"]] },
    { title = "Age of the oldest message (seconds)", stat = "Maximum",
      metrics = [
        for queue in ["triggers", "events"] : ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", var.queue_names[queue]]
    ] },
    { title = "Dead letters (messages)", stat = "Maximum",
    metrics = concat([for queue in var.dead_letter_queues : local.queue_depth[queue]], [local.worker_metrics["MessagesDeadLettered"]]) },
    { title = "Sweeps (per minute)", stat = "Sum",
    metrics = [local.worker_metrics["Sweeps"]] },
    { title = "Failures of status reports and done events (per minute)", stat = "Sum",
    metrics = [local.worker_metrics["StatusReportFailures"], local.worker_metrics["DoneEventFailures"]] },
    { title = "StartBuild calls and duplicates (per minute)", stat = "Sum",
    metrics = [local.worker_metrics["StartBuildCalls"], local.worker_metrics["JobsReceived"], local.worker_metrics["DuplicateRequests"], local.worker_metrics["DuplicateBuilds"]] },
    { title = "Refused starts (per minute)", stat = "Sum",
    metrics = [local.worker_metrics["StartsRefused"]] },
    { title = "Age of the oldest job that waits for a build (seconds)", stat = "Maximum",
    metrics = [local.worker_metrics["OldestWaitingSeconds"]] },
    { title = "Quarantined jobs and panics (per minute)", stat = "Sum",
    metrics = [local.worker_metrics["JobsQuarantined"], local.worker_metrics["Panics"]] },
    { title = "Logs of pull requests' builds (bytes per minute)", stat = "Sum",
    metrics = [["AWS/Logs", "IncomingBytes", "LogGroupName", var.unprivileged_log_group]] },
    { title = "Workers: CPU and memory (percent)", stat = "Maximum",
      metrics = [
        for metric in ["CPUUtilization", "MemoryUtilization"] :
        ["AWS/ECS", metric, "ClusterName", var.context.name, "ServiceName", local.service_name]
    ] },
  ]
}

resource "aws_cloudwatch_dashboard" "doorbell" {
  dashboard_name = var.context.name
  dashboard_body = jsonencode({
    widgets = [for index, graph in local.graphs : {
      type   = "metric"
      x      = index % 3 * 8
      y      = floor(index / 3) * 6
      width  = 8
      height = 6
      properties = {
        title   = graph.title
        region  = var.context.region
        period  = 60
        stat    = graph.stat
        metrics = graph.metrics
      }
    }]
  })
}
