# Saved queries of the workers' log, for questions that a metric would answer only with a dimension per project: CloudWatch
# charges for each value of a dimension. docs/runbook.md names them.

locals {
  queries = {
    "requests by project"          = <<-QUERY
      filter message = "request received"
      | stats count(*) as requests by span.project
      | sort requests desc
    QUERY
    "requests by project and hour" = <<-QUERY
      filter message = "request received"
      | stats count(*) as requests by span.project, bin(1h)
      | sort requests desc
    QUERY
    "refused starts"               = <<-QUERY
      filter message like /StartBuild (denied|rejected)/
      | fields @timestamp, span.project, span.job.key, message
      | sort @timestamp desc
    QUERY
    "errors"                       = <<-QUERY
      filter level = "ERROR"
      | stats count(*) as lines, latest(@timestamp) as last by message, span.project
      | sort lines desc
    QUERY
  }
}

resource "aws_cloudwatch_query_definition" "saved" {
  for_each = local.queries

  name            = "${var.context.name}/${each.key}"
  log_group_names = [aws_cloudwatch_log_group.worker.name]
  query_string    = each.value
}
