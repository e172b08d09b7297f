# Names and ARNs of build projects, their roles and log groups. Each project has its own build project and role, so a
# build cannot use another project's permissions.

locals {
  # CodeBuild forbids dots in names, and IAM limits their length. The hash distinguishes `a.b` from `a-b`, and long names
  # with the same beginning.
  build_project_names = {
    for project in keys(var.projects) : project => join("-", [
      var.context.name,
      trim(substr(lower(replace(project, "/[^A-Za-z0-9]+/", "-")), 0, 24), "-"),
      substr(sha256(project), 0, 8),
    ])
  }
  # All projects that permit builds of pull requests share this build project, because its role has no permissions to
  # share.
  unprivileged_build_project = "${var.context.name}-unprivileged"

  # The settings of all build projects, by name.
  build_projects = merge(
    {
      for name, project in var.projects : local.build_project_names[name] => {
        description       = "Builds of the Doorbell project ${name}."
        concurrent_builds = project.concurrent_builds
        compute_type      = project.compute_type
        secret_arns       = project.secret_arns
      }
    },
    {
      (local.unprivileged_build_project) = {
        description       = "Builds of pull requests: untrusted code, in a role that only writes its log."
        concurrent_builds = var.unprivileged_concurrent_builds
        compute_type      = "BUILD_GENERAL1_SMALL"
        secret_arns       = []
      }
    },
  )

  region_account     = "${var.context.region}:${var.context.account_id}"
  build_project_arns = { for name in keys(local.build_projects) : name => "arn:${var.context.partition}:codebuild:${local.region_account}:project/${name}" }
  log_group_names    = { for name in keys(local.build_projects) : name => "/aws/codebuild/${name}" }
}
