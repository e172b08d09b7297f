# The roles of the worker's task. The worker's role allows exactly the calls of the worker; a test compares it with the
# calls in the worker's sources.

locals {
  region_account = "${var.context.region}:${var.context.account_id}"
  # The beginning of the ARNs of all secrets with a forge's token.
  key_statements = var.organization.kms_key_arn == null ? {} : {
    UseKey       = { action = "kms:Decrypt", services = ["sqs", "dynamodb", "secretsmanager"] }
    EncryptByKey = { action = "kms:GenerateDataKey", services = ["sqs"] }
  }
  # AWS documents this key with the DNS suffix of the partition.
  dns_suffix         = var.context.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"
  report_secrets_arn = "arn:${var.context.partition}:secretsmanager:${local.region_account}:secret:${var.report_secret_prefix}"
}

resource "aws_iam_role" "worker" {
  name                 = local.name
  permissions_boundary = var.organization.permissions_boundary_arn
  path                 = var.organization.role_path
  description          = "Runs the Doorbell worker."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role" "execution" {
  name                 = "${local.name}-execution"
  permissions_boundary = var.organization.permissions_boundary_arn
  path                 = var.organization.role_path
  description          = "Starts the Doorbell worker: pulls its image, writes its log."
  assume_role_policy   = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AssumeByEcsTasks"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
    # Prevents the confused deputy: ECS also acts for other accounts.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.context.account_id]
    }
    # ECS does not pass the cluster's ARN.
    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = ["arn:${var.context.partition}:ecs:${local.region_account}:*"]
    }
  }
}

resource "aws_iam_role_policy" "worker" {
  name   = "worker"
  role   = aws_iam_role.worker.name
  policy = data.aws_iam_policy_document.worker.json

  lifecycle {
    precondition {
      condition     = alltrue([for arn in var.report_secret_arns : startswith(arn, local.report_secrets_arn)])
      error_message = "report_to.token_secret must name a secret of this account and Region: the worker may read no other. Rejected: ${join(", ", [for arn in var.report_secret_arns : arn if !startswith(arn, local.report_secrets_arn)])}."
    }
  }
}

data "aws_iam_policy_document" "worker" {
  statement {
    sid       = "ReceiveRequests"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
    resources = [var.queue_arns["triggers"]]
  }
  statement {
    sid       = "ReceiveEvents"
    actions   = ["sqs:ReceiveMessage", "sqs:DeleteMessage"]
    resources = [var.queue_arns["events"]]
  }
  statement {
    sid       = "SendToDeadLetterQueue"
    actions   = ["sqs:SendMessage"]
    resources = [var.queue_arns["dead-letters"]]
  }
  # The whole prefix. With permissions on registered names only, SSM would answer AccessDenied for every other name, and
  # the worker could not report that a project is not registered.
  statement {
    sid       = "ReadRegistry"
    actions   = ["ssm:GetParameter", "ssm:GetParameters"]
    resources = ["arn:${var.context.partition}:ssm:${local.region_account}:parameter${var.registry_prefix}/*"]
  }
  # The worker lists the registered names, so that a flood of unknown ones costs no call each.
  statement {
    sid       = "ListRegistry"
    actions   = ["ssm:GetParametersByPath"]
    resources = ["arn:${var.context.partition}:ssm:${local.region_account}:parameter${var.registry_prefix}"]
  }
  statement {
    sid       = "ReadReportTokens"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["${local.report_secrets_arn}*"]
  }
  statement {
    sid       = "ReadWriteJobs"
    actions   = ["dynamodb:DescribeTable", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    resources = [var.table_arn]
  }
  statement {
    sid       = "QueryDueJobs"
    actions   = ["dynamodb:Query"]
    resources = [var.due_index_arn]
  }
  statement {
    sid       = "ReadAndStopBuilds"
    actions   = ["codebuild:BatchGetBuilds", "codebuild:ListBuildsForProject", "codebuild:StopBuild"]
    resources = values(var.build_project_arns)
  }
  # start.tf defines the conditions.
  statement {
    sid       = "StartBuilds"
    actions   = ["codebuild:StartBuild"]
    resources = values(var.build_project_arns)
    dynamic "condition" {
      for_each = local.start_conditions
      content {
        test     = "Null"
        variable = condition.key
        values   = [condition.value]
      }
    }
  }
  dynamic "statement" {
    for_each = var.done_topic_arn == null ? [] : [var.done_topic_arn]
    content {
      sid       = "PublishDoneEvents"
      actions   = ["sns:Publish"]
      resources = [statement.value]
    }
  }
  # SNS requires both actions of publishers to a topic with a customer-managed key.
  dynamic "statement" {
    for_each = var.done_topic_arn == null || var.topic_kms_key_arn == null ? [] : [var.topic_kms_key_arn]
    content {
      sid       = "UseDoneTopicKey"
      actions   = ["kms:GenerateDataKey*", "kms:Decrypt"]
      resources = [statement.value]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = distinct([for suffix in ["amazonaws.com", local.dns_suffix] : "sns.${var.context.region}.${suffix}"])
      }
    }
  }
  # Only through the services: the queues, the ledger and the forges' tokens.
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
  dynamic "statement" {
    for_each = local.denied_variable_statements
    content {
      sid       = statement.key
      effect    = "Deny"
      actions   = ["codebuild:StartBuild"]
      resources = [statement.value.arn]
      condition {
        test     = "ForAnyValue:StringNotLike"
        variable = "codebuild:environment.environmentVariables.name"
        values   = statement.value.names
      }
    }
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "execution"
  role   = aws_iam_role.execution.name
  policy = data.aws_iam_policy_document.execution.json
}

data "aws_iam_policy_document" "execution" {
  statement {
    sid       = "PullImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = ["arn:${var.context.partition}:ecr:${local.region_account}:repository/${local.repository_names["worker"]}"]
  }
  # AWS defines no resource type for this action. The token only permits what the caller may do anyway.
  statement {
    sid       = "EcrLogin"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${var.context.partition}:logs:${local.region_account}:log-group:/${var.context.name}/worker:*"]
  }
  # The headers for a collector. The worker's own role may not read them: they are in its environment.
  dynamic "statement" {
    for_each = local.otlp_secret_arn == null ? [] : [local.otlp_secret_arn]
    content {
      sid       = "ReadCollectorHeaders"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [statement.value]
    }
  }
  dynamic "statement" {
    for_each = local.otlp_secret_arn == null || var.organization.kms_key_arn == null ? [] : [var.organization.kms_key_arn]
    content {
      sid       = "UseKey"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["secretsmanager.${var.context.region}.${local.dns_suffix}"]
      }
    }
  }
}
