# What the console and the AWS CLI show of the installation, and what the runbook sends the person on call to: alarms,
# dashboard, metrics, the service's events and queries of the worker's log.

locals {
  cluster_arn  = "arn:${var.context.partition}:ecs:${local.region_account}:cluster/${var.context.name}"
  service_arns = [for name in ["worker", "worker-fixed"] : "arn:${var.context.partition}:ecs:${local.region_account}:service/${var.context.name}/${var.context.name}-${name}"]
  log_group_arns = [for group in var.log_group_patterns :
    "arn:${var.context.partition}:logs:${local.region_account}:log-group:${group}:*"
  ]
  # A pattern that ends with * matches both forms of a group's name.
  queried_log_group_arns = flatten([for arn in local.log_group_arns :
    endswith(arn, "*:*") ? [trimsuffix(arn, ":*")] : [arn, trimsuffix(arn, ":*")]
  ])
}

data "aws_iam_policy_document" "watch" {
  statement {
    sid       = "ReadAlarms"
    actions   = ["cloudwatch:DescribeAlarms", "cloudwatch:DescribeAlarmHistory"]
    resources = ["arn:${var.context.partition}:cloudwatch:${local.region_account}:alarm:*"]
  }
  statement {
    sid       = "ReadDashboard"
    actions   = ["cloudwatch:GetDashboard"]
    resources = ["arn:${var.context.partition}:cloudwatch::${var.context.account_id}:dashboard/${var.context.name}"]
  }
  # Metrics have no resource type. The others are about what has no name yet, or a query.
  statement {
    sid = "ReadMetrics"
    actions = [
      "cloudwatch:GetMetricData", "cloudwatch:GetMetricStatistics", "cloudwatch:ListDashboards", "cloudwatch:ListMetrics",
      "ecs:DescribeTaskDefinition", "logs:DescribeQueryDefinitions", "logs:StopQuery",
    ]
    resources = ["*"]
  }
  # "Why does no worker run?": the events of the service, and why its tasks stopped.
  statement {
    sid       = "ReadService"
    actions   = ["ecs:DescribeServices"]
    resources = local.service_arns
  }
  statement {
    sid       = "ReadTasks"
    actions   = ["ecs:DescribeTasks"]
    resources = ["${replace(local.cluster_arn, ":cluster/", ":task/")}/*"]
  }
  # The console reads the log groups' streams before it shows a log. Calls name a group with or without `:*`.
  statement {
    sid       = "QueryLogs"
    actions   = ["logs:DescribeLogStreams", "logs:GetQueryResults", "logs:StartQuery"]
    resources = local.queried_log_group_arns
  }
}
