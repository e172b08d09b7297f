# The operator's role, for the person on call with the CLI `doorbell`. It reads jobs, logs and the registry, reads and
# redrives dead letters, stops builds and runs `doorbell doctor`, and it sees what watch.tf lists. It reads no secret,
# starts no build, and changes neither policies nor the registry; Terraform does that.

locals {
  name                   = "${var.context.name}-operator"
  region_account         = "${var.context.region}:${var.context.account_id}"
  dead_letter_queue_arns = [for queue in var.dead_letter_queues : var.queue_arns[queue]]
  key_statements = var.organization.kms_key_arn == null ? {} : {
    UseKey       = { action = "kms:Decrypt", services = ["sqs", "dynamodb"] }
    EncryptByKey = { action = "kms:GenerateDataKey", services = ["sqs"] }
  }
  # AWS documents this key with the DNS suffix of the partition.
  dns_suffix   = var.context.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"
  registry_arn = "arn:${var.context.partition}:ssm:${local.region_account}:parameter${var.registry_prefix}"
}

resource "aws_iam_role" "operator" {
  count = length(var.principal_arns) == 0 ? 0 : 1

  name                 = local.name
  permissions_boundary = var.organization.permissions_boundary_arn
  path                 = var.organization.role_path
  description          = "Operates Doorbell: reads jobs and logs, redrives messages, stops builds."
  assume_role_policy   = data.aws_iam_policy_document.trust["operator"].json
  max_session_duration = 3600
}

# Who may assume which of the two roles.
data "aws_iam_policy_document" "trust" {
  for_each = { operator = var.principal_arns, responder = var.responder_arns }

  statement {
    sid     = "AssumeBy${title(each.key)}s"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = each.value
    }
  }
}

resource "aws_iam_role_policy" "operator" {
  count = length(var.principal_arns) == 0 ? 0 : 1

  name   = "operator"
  role   = aws_iam_role.operator[0].name
  policy = data.aws_iam_policy_document.operator.json
}

data "aws_iam_policy_document" "operator" {
  source_policy_documents = [data.aws_iam_policy_document.watch.json]

  statement {
    sid       = "ReadJobs"
    actions   = ["dynamodb:DescribeTable", "dynamodb:DescribeTimeToLive", "dynamodb:GetItem"]
    resources = [var.table_arn]
  }
  statement {
    sid       = "QueryJobs"
    actions   = ["dynamodb:Query"]
    resources = var.index_arns
  }
  statement {
    sid       = "ReadRegistry"
    actions   = ["ssm:GetParameter", "ssm:GetParametersByPath"]
    resources = [local.registry_arn, "${local.registry_arn}/*"]
  }
  statement {
    sid       = "ReadQueueAttributes"
    actions   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl"]
    resources = values(var.queue_arns)
  }
  statement {
    sid       = "ReceiveDeadLetters"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
    resources = local.dead_letter_queue_arns
  }
  # The subscription whose dead-letter queue it redrives.
  statement {
    sid       = "ReadTopic"
    actions   = ["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:GetSubscriptionAttributes"]
    resources = [var.topic_arn]
  }
  # The source queues of redriven messages.
  statement {
    sid       = "RedriveMessages"
    actions   = ["sqs:SendMessage"]
    resources = [var.queue_arns["triggers"], var.queue_arns["events"]]
  }
  statement {
    sid       = "ReadAndStopBuilds"
    actions   = ["codebuild:BatchGetBuilds", "codebuild:BatchGetProjects", "codebuild:ListBuildsForProject", "codebuild:StopBuild"]
    resources = var.build_project_arns
  }
  statement {
    sid       = "ReadLogs"
    actions   = ["logs:FilterLogEvents", "logs:GetLogEvents"]
    resources = local.log_group_arns
  }
  # AWS defines no resource type for this action.
  statement {
    sid       = "ListRules"
    actions   = ["events:ListRuleNamesByTarget"]
    resources = ["*"]
  }
  statement {
    sid       = "ReadRules"
    actions   = ["events:DescribeRule", "events:ListTargetsByRule"]
    resources = var.rule_arns
  }
  # `doorbell doctor` compares the account's quotas of concurrent builds with the limits of build projects.
  statement {
    sid       = "ReadBuildQuotas"
    actions   = ["servicequotas:GetServiceQuota"]
    resources = ["arn:${var.context.partition}:servicequotas:${local.region_account}:codebuild/*"]
  }
  # `doorbell doctor` asks IAM whether the roles of workers and builds have their permissions.
  statement {
    sid       = "SimulateRoles"
    actions   = ["iam:GetRole", "iam:SimulatePrincipalPolicy"]
    resources = [for role in var.role_name_patterns : "arn:${var.context.partition}:iam::${var.context.account_id}:role${var.organization.role_path}${role}"]
  }
  # Only through the services: the queues and the ledger.
  dynamic "statement" {
    for_each = local.key_statements
    content {
      sid       = statement.key
      actions   = [statement.value.action]
      resources = [var.organization.kms_key_arn]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = [for service in statement.value.services : "${service}.${var.context.region}.${local.dns_suffix}"]
      }
    }
  }
  # `doorbell doctor` checks that the secrets exist. It does not read their values. It skips secrets elsewhere: a list of
  # them would grow with the projects.
  statement {
    sid       = "DescribeSecrets"
    actions   = ["secretsmanager:DescribeSecret"]
    resources = ["arn:${var.context.partition}:secretsmanager:${local.region_account}:secret:${var.context.name}/*"]
  }
}
