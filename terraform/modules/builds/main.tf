# The CodeBuild projects, their log groups and their roles.

resource "aws_codebuild_project" "build" {
  for_each = local.names_to_make

  name         = each.key
  description  = local.build_projects[each.key].description
  service_role = "${local.role_arn_prefix}${local.roles_with_policy[each.key]}"

  # Minutes. A project's builds keep this timeout. To the shared build projects the worker sends one with each start.
  build_timeout  = local.settings[each.key].timeout_minutes
  queued_timeout = 480
  # CodeBuild rejects further starts. The worker retries them; the jobs wait in the ledger. By default none: CodeBuild
  # rejects a project whose limit is above the account's quota, and a new account's quota is 1.
  concurrent_build_limit = local.build_projects[each.key].concurrent_builds
  # PUBLIC_READ would publish all logs and variables, including those of past builds.
  project_visibility = "PRIVATE"

  # The runner checks out the source itself: it fetches a ref, never a commit by its id.
  source {
    type = "NO_SOURCE"
    # The worker's role does not allow overriding it, and no repository can change it.
    buildspec = local.buildspecs[each.key]
  }
  artifacts {
    type           = local.settings[each.key].artifacts == null ? "NO_ARTIFACTS" : "S3"
    location       = try(local.settings[each.key].artifacts.bucket, null)
    path           = local.settings[each.key].artifacts == null ? null : each.key
    namespace_type = local.settings[each.key].artifacts == null ? null : "BUILD_ID"
    packaging      = local.settings[each.key].artifacts == null ? null : "NONE"
    name           = local.settings[each.key].artifacts == null ? null : "artifacts"
  }
  # One cache for each project: a shared one would carry files from one project's builds into another's.
  cache {
    type     = local.settings[each.key].cache == null ? "NO_CACHE" : local.settings[each.key].cache.bucket == null ? "LOCAL" : "S3"
    modes    = try(local.settings[each.key].cache.bucket == null, false) ? ["LOCAL_CUSTOM_CACHE"] : null
    location = try("${local.settings[each.key].cache.bucket}/${each.key}/cache", null)
  }
  encryption_key = length(local.buckets[each.key]) == 0 ? null : var.organization.kms_key_arn

  environment {
    type         = local.settings[each.key].architecture == "arm64" ? "ARM_CONTAINER" : "LINUX_CONTAINER"
    compute_type = local.build_projects[each.key].compute_type
    image        = coalesce(local.settings[each.key].image, var.image)
    # CodeBuild pulls the image itself, which the repository's policy allows. With SERVICE_ROLE each build's role would
    # need pull permissions, and the role for pull requests must have none.
    image_pull_credentials_type = "CODEBUILD"
    # A privileged build can run Docker, and escape its container. No pull request's can.
    privileged_mode = local.settings[each.key].privileged_mode

    # environment.tf says what they mean.
    dynamic "environment_variable" {
      for_each = local.environments[each.key]
      content {
        name  = environment_variable.key
        value = environment_variable.value
        type  = environment_variable.key == "DOORBELL_GIT_CREDENTIALS" ? "SECRETS_MANAGER" : "PLAINTEXT"
      }
    }
  }

  dynamic "vpc_config" {
    for_each = local.settings[each.key].network[*]
    content {
      vpc_id             = vpc_config.value.vpc_id
      subnets            = vpc_config.value.subnet_ids
      security_group_ids = vpc_config.value.security_group_ids
    }
  }

  logs_config {
    cloudwatch_logs {
      group_name = local.log_groups[each.key]
    }
  }
}

resource "aws_cloudwatch_log_group" "build" {
  for_each = local.names

  # If the first build created the group, it would have no retention, and the build's role would need
  # logs:CreateLogGroup.
  name              = local.build_projects[each.key].log_group_name
  retention_in_days = var.log_retention_days
  # A project's removal takes neither its logs nor the chance to find out what its last build did.
  skip_destroy = var.keep_logs
  kms_key_id   = var.organization.kms_key_arn
}

resource "aws_iam_role" "build" {
  for_each = local.names

  name                 = each.key
  permissions_boundary = var.organization.permissions_boundary_arn
  path                 = var.organization.role_path
  description          = local.build_projects[each.key].description
  assume_role_policy   = local.build_projects[each.key].trust_policy
}

resource "aws_iam_role_policy" "build" {
  for_each = local.names

  name   = "build"
  role   = local.roles[each.key]
  policy = local.build_projects[each.key].role_policy
}
