# The root module: Doorbell in one account and Region. Each module has one concern; modules share only names and ARNs.

data "aws_caller_identity" "current" {
  count = var.account_id == null ? 1 : 0
}

# The provider answers both without a call to AWS.
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  context = {
    name       = var.name
    partition  = data.aws_partition.current.partition
    region     = data.aws_region.current.id
    account_id = var.account_id == null ? one(data.aws_caller_identity.current[*].account_id) : var.account_id
  }
  topic_kms_key_arn = try(coalesce(var.topic_kms_key_arn, var.organization.kms_key_arn), null)
  registry_prefix   = coalesce(var.registry_prefix, "/${var.name}")
  topic_arn         = "arn:${local.context.partition}:sns:${local.context.region}:${local.context.account_id}:${var.name}-requests"
  worker_role_arn   = "arn:${local.context.partition}:iam::${local.context.account_id}:role${var.organization.role_path}${var.name}-worker"

  # The ARN, or ARN pattern, of each secret that the projects name. Secrets Manager appends a hyphen and six random
  # characters to a secret's name.
  secret_arns = {
    for secret in distinct(concat(local.git_secrets, local.report_secrets)) : secret => startswith(secret, "arn:") ? secret :
    "arn:${local.context.partition}:secretsmanager:${local.context.region}:${local.context.account_id}:secret:${secret}-??????"
  }
  git_secrets    = compact(values(var.projects)[*].git_secret)
  report_secrets = [for project in values(var.projects) : project.report_to.token_secret if project.report_to != null]
}

module "publishers" {
  source = "./modules/publishers"

  context           = local.context
  organization      = var.organization
  publishers        = var.publishers
  topic_arn         = local.topic_arn
  topic_kms_key_arn = local.topic_kms_key_arn
}

module "schedules" {
  source = "./modules/schedules"

  context        = local.context
  organization   = var.organization
  schedules      = var.schedules
  topic_arn      = local.topic_arn
  publish_policy = module.publishers.publish_policy
}

module "queues" {
  source = "./modules/queues"

  context           = local.context
  organization      = var.organization
  topic_kms_key_arn = local.topic_kms_key_arn
  rule_arns         = module.builds.rule_arns
}

module "done_topic" {
  source = "./modules/done_topic"
  count  = var.done_events == null ? 0 : 1

  context           = local.context
  topic_kms_key_arn = local.topic_kms_key_arn
  worker_role_arn   = local.worker_role_arn
  subscribers       = var.done_events.subscribers
}

module "ledger" {
  source = "./modules/ledger"

  context             = local.context
  organization        = var.organization
  deletion_protection = var.deletion_protection
}

module "builds" {
  source = "./modules/builds"

  context      = local.context
  organization = var.organization
  projects = {
    for name, project in var.projects : name => {
      concurrent_builds = project.concurrent_builds
      compute_type      = project.compute_type
      image             = project.image
      architecture      = project.architecture
      privileged_mode   = project.privileged_mode
      cache             = project.cache
      reports           = project.reports
      artifacts         = project.artifacts
      secret_arns       = [for secret in compact([project.git_secret]) : local.secret_arns[secret]]
      git_url           = project.git_url
      program           = project.command == null ? [project.executable] : project.command
      append_ref        = project.command == null
      directory         = coalesce(project.deploy_dir, ".")
      refs              = project.refs
      commit_rule       = coalesce(project.commit_policy, "ancestor")
      variables         = project.variables
      checkout          = project.checkout == null ? null : jsonencode(local.checkouts[name])
      git_secret        = project.git_secret
      timeout_minutes   = coalesce(project.timeout_minutes, 60)
    }
  }
  unprivileged_concurrent_builds = var.unprivileged_concurrent_builds
  shared                         = var.shared_build_project
  image                          = try(var.images.build, null)
  log_retention_days             = var.log_retention_days
  network                        = var.build_network
  keep_logs                      = var.deletion_protection
  event_queue_arn                = module.queues.queue_arns["events"]
  event_dead_letter_queue_arn    = module.queues.queue_arns["events-dead-letters"]
}

module "registry" {
  source = "./modules/registry"

  prefix    = local.registry_prefix
  documents = { for name, document in local.documents : name => document if !var.projects[name].retired }
}

module "worker" {
  source = "./modules/worker"

  context              = local.context
  organization         = var.organization
  image                = try(var.images.worker, null)
  network              = var.network
  egress_ports         = local.egress_ports
  settings             = var.worker
  tasks                = var.tasks
  log_retention_days   = var.log_retention_days
  keep_logs            = var.deletion_protection
  alarm_topic_arns     = var.alarm_topic_arns
  topic_arn            = module.queues.topic_arn
  done_topic_arn       = one(module.done_topic[*].topic_arn)
  topic_kms_key_arn    = local.topic_kms_key_arn
  queue_arns           = module.queues.queue_arns
  queue_names          = module.queues.queue_names
  queue_urls           = module.queues.queue_urls
  dead_letter_queues   = module.queues.dead_letter_queues
  table_name           = module.ledger.table_name
  table_arn            = module.ledger.table_arn
  due_index_arn        = module.ledger.index_arns["due"]
  registry_prefix      = local.registry_prefix
  report_secret_prefix = "${var.name}/report/"
  report_secret_arns   = distinct([for secret in local.report_secrets : local.secret_arns[secret]])
  build_project_arns   = module.builds.arn_patterns
  shared_build_project = module.builds.shared_build_project

  unprivileged_log_group = module.builds.unprivileged_log_group
  ignored_override_keys  = var.ignored_override_keys
}

module "operator_role" {
  source = "./modules/operator_role"

  context            = local.context
  organization       = var.organization
  principal_arns     = var.operator_arns
  responder_arns     = var.responder_arns
  topic_kms_key_arn  = local.topic_kms_key_arn
  table_arn          = module.ledger.table_arn
  index_arns         = values(module.ledger.index_arns)
  topic_arn          = local.topic_arn
  queue_arns         = module.queues.queue_arns
  dead_letter_queues = module.queues.dead_letter_queues
  build_project_arns = values(module.builds.arn_patterns)
  log_group_patterns = concat([module.worker.log_group_name], module.builds.log_group_patterns)
  registry_prefix    = local.registry_prefix
  rule_arns          = module.builds.rule_arns
  role_name_patterns = concat([module.worker.worker_role_name], values(module.builds.name_patterns))
}
