resource "aws_codebuild_project" "build" {
  for_each = var.image == null ? {} : local.build_projects

  name         = each.key
  description  = each.value.description
  service_role = aws_iam_role.build[each.key].arn

  # Minutes. Every start names its own timeout; these bound a build that somebody starts by hand.
  build_timeout  = 60
  queued_timeout = 480
  # CodeBuild refuses what goes beyond, and the worker tries again: the jobs wait in the ledger.
  concurrent_build_limit = each.value.concurrent_builds
  # Not PUBLIC_READ: that would show all logs and variables, old ones included, to everybody.
  project_visibility = "PRIVATE"

  # The runner checks out by itself: a ref, never a commit by its id.
  source {
    type = "NO_SOURCE"
    # Fixed here. A worker may not override it, and a repository has no say.
    buildspec = <<-YAML
      version: 0.2
      phases:
        build:
          commands:
            - doorbell-runner
    YAML
  }
  artifacts {
    type = "NO_ARTIFACTS"
  }

  environment {
    type         = "LINUX_CONTAINER"
    compute_type = each.value.compute_type
    image        = var.image
    # By CodeBuild itself, which the repository's policy admits: with SERVICE_ROLE each build's role would need the
    # right to pull, and the one for pull requests is to have none.
    image_pull_credentials_type = "CODEBUILD"
    # The default, said aloud: with it a build could leave its container.
    privileged_mode = false
  }

  logs_config {
    cloudwatch_logs {
      group_name = aws_cloudwatch_log_group.build[each.key].name
    }
  }
}

resource "aws_cloudwatch_log_group" "build" {
  for_each = local.build_projects

  # Made here, not by the first build: without an end of retention, and by a role with the right to make groups.
  name              = local.log_group_names[each.key]
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "build" {
  for_each = local.build_projects

  name               = each.key
  description        = each.value.description
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

data "aws_iam_policy_document" "trust" {
  for_each = local.build_projects

  statement {
    sid     = "AssumeByBuildProject"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["codebuild.amazonaws.com"]
    }
    # Against the confused deputy: CodeBuild also works for other accounts, and for other projects of this one.
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.context.account_id]
    }
    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [local.build_project_arns[each.key]]
    }
  }
}

resource "aws_iam_role_policy" "build" {
  for_each = local.build_projects

  name   = "build"
  role   = aws_iam_role.build[each.key].name
  policy = data.aws_iam_policy_document.build[each.key].json
}

# Whatever runs in the build holds this role: CodeBuild gives it to every step. So it can do nothing that is worth
# taking. What a deployment needs the owner attaches to the project's own role, by its name.
data "aws_iam_policy_document" "build" {
  for_each = local.build_projects

  statement {
    sid       = "WriteLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${var.context.partition}:logs:${local.region_account}:log-group:${local.log_group_names[each.key]}:*"]
  }

  dynamic "statement" {
    for_each = length(each.value.secret_arns) == 0 ? [] : [each.value.secret_arns]
    content {
      sid       = "ReadGitCredentials"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = statement.value
    }
  }
}
