# EventBridge rules for the events of the installation's build projects. There are two rules, because AWS warns that one
# rule for both event types "might produce unexpected results".

locals {
  event_types = {
    build-state = "CodeBuild Build State Change"
    build-phase = "CodeBuild Build Phase Change"
  }
  rule_names = { for rule in keys(local.event_types) : rule => "${var.context.name}-${rule}" }
  event_patterns = {
    for rule, kind in local.event_types : rule => jsonencode({
      source      = ["aws.codebuild"]
      detail-type = [kind]
      detail      = merge({ project-name = concat([{ prefix = local.name_prefix }], local.shared_names) }, local.extra_pattern[rule])
    })
  }
  # A build has up to nine phases. PROVISIONING brings the log's address; FINALIZING and COMPLETED repeat the build's
  # end.
  extra_pattern = {
    build-state = {}
    build-phase = { completed-phase = ["PROVISIONING", "FINALIZING", "COMPLETED"] }
  }
}

resource "aws_cloudwatch_event_rule" "build" {
  for_each = local.event_types

  name          = local.rule_names[each.key]
  description   = "Sends ${each.value} events to Doorbell's event queue."
  event_pattern = local.event_patterns[each.key]
}

resource "aws_cloudwatch_event_target" "queue" {
  for_each = local.event_types

  rule      = aws_cloudwatch_event_rule.build[each.key].name
  target_id = "queue"
  arn       = var.event_queue_arn

  # An event only speeds up a status report: the sweep polls the build well within an hour. The default is 24 h.
  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 185
  }
  dead_letter_config {
    arn = var.event_dead_letter_queue_arn
  }
}
