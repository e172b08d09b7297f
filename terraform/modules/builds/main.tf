# The CodeBuild projects, their log groups and their roles.

resource "aws_codebuild_project" "build" {
  for_each = var.image == null ? {} : local.build_projects

  name         = each.key
  description  = each.value.description
  service_role = aws_iam_role.build[each.key].arn

  # Minutes. The worker sends a timeout with each start; these values limit builds that a person starts.
  build_timeout  = 60
  queued_timeout = 480
  # CodeBuild rejects further starts. The worker retries them; the jobs wait in the ledger. By default none: CodeBuild
  # rejects a project whose limit is above the account's quota, and a new account's quota is 1.
  concurrent_build_limit = each.value.concurrent_builds
  # PUBLIC_READ would publish all logs and variables, including those of past builds.
  project_visibility = "PRIVATE"

  # The runner checks out the source itself: it fetches a ref, never a commit by its id.
  source {
    type = "NO_SOURCE"
    # The worker's role does not allow overriding it, and no repository can change it.
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
    # CodeBuild pulls the image itself, which the repository's policy allows. With SERVICE_ROLE each build's role would
    # need pull permissions, and the role for pull requests must have none.
    image_pull_credentials_type = "CODEBUILD"
    # The default, stated explicitly: a privileged build could escape its container.
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

  # If the first build created the group, it would have no retention, and the build's role would need
  # logs:CreateLogGroup.
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
    # Prevents the confused deputy: CodeBuild also acts for other accounts, and for this account's other build projects.
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

# The permissions of a build. All code in the build can use this role, so it only writes its log and reads its git
# secret. The owner attaches further permissions for a deployment to the role of that project.
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
