# Names and ARNs of what runs builds. One build project and one role per registered project: what one project's build
# can reach, another's can't.

locals {
  # CodeBuild and IAM know neither dots nor any length. The hash keeps `a.b` and `a-b`, and long names that begin alike,
  # apart.
  build_project_names = {
    for project in keys(var.projects) : project => join("-", [
      var.context.name,
      trim(substr(lower(replace(project, "/[^A-Za-z0-9]+/", "-")), 0, 24), "-"),
      substr(sha256(project), 0, 8),
    ])
  }
  # Of all projects that let pull requests be built: what they can reach is nothing, so they may share it.
  unprivileged_build_project = "${var.context.name}-unprivileged"

  # All of them, as CodeBuild is to make them.
  build_projects = merge(
    {
      for name, project in var.projects : local.build_project_names[name] => {
        description       = "Builds of Doorbell's project ${name}."
        concurrent_builds = project.concurrent_builds
        compute_type      = project.compute_type
        secret_arns       = project.secret_arns
      }
    },
    {
      (local.unprivileged_build_project) = {
        description = "Builds of pull requests: code from outside, in a role that can do nothing."
        # So that strangers can't take all of the account's places.
        concurrent_builds = 2
        compute_type      = "BUILD_GENERAL1_SMALL"
        secret_arns       = []
      }
    },
  )

  region_account     = "${var.context.region}:${var.context.account_id}"
  build_project_arns = { for name in keys(local.build_projects) : name => "arn:${var.context.partition}:codebuild:${local.region_account}:project/${name}" }
  log_group_names    = { for name in keys(local.build_projects) : name => "/aws/codebuild/${name}" }
}
