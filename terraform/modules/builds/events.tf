# CodeBuild's events of exactly our build projects. Two rules, as AWS warns that one for both kinds "might produce
# unexpected results".

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
      detail      = merge({ project-name = sort(keys(local.build_projects)) }, local.extra_pattern[rule])
    })
  }
  # A build has up to nine phases. The first that runs on a machine brings the log's address, and the last its end, once more.
  extra_pattern = {
    build-state = {}
    build-phase = { completed-phase = ["PROVISIONING", "FINALIZING", "COMPLETED"] }
  }
}

resource "aws_cloudwatch_event_rule" "build" {
  for_each = local.event_types

  name          = local.rule_names[each.key]
  description   = "${each.value}: to Doorbell's event queue."
  event_pattern = local.event_patterns[each.key]

  lifecycle {
    precondition {
      condition     = length(local.event_patterns[each.key]) <= 2048
      error_message = "The event pattern that names all ${length(local.build_projects)} build projects has ${length(local.event_patterns[each.key])} characters; EventBridge takes 2048. Register fewer projects here, and the others in a second installation (another name); a quota request at AWS does not change this one."
    }
  }
}

resource "aws_cloudwatch_event_target" "queue" {
  for_each = local.event_types

  rule      = aws_cloudwatch_event_rule.build[each.key].name
  target_id = "queue"
  arn       = var.event_queue_arn

  # An event is a hint that makes a flag quicker; after an hour the sweep has long looked. (The default is 24 h.)
  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 185
  }
  dead_letter_config {
    arn = var.event_dead_letter_queue_arn
  }
}
