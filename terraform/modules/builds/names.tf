# Names and ARNs of what runs builds. One build project and one role per registered project: what one project's build
# can reach, another's can't.

locals {
  # CodeBuild and IAM know neither dots nor any length. The hash keeps `a.b` and `a-b`, and long names that begin alike,
  # apart.
  build_name = {
    for project in keys(var.projects) : project => join("-", [
      var.context.name,
      trim(substr(lower(replace(project, "/[^A-Za-z0-9]+/", "-")), 0, 24), "-"),
      substr(sha256(project), 0, 8),
    ])
  }
  # Of all projects that let pull requests be built: what they can reach is nothing, so they may share it.
  unprivileged_name = "${var.context.name}-unprivileged"

  # All of them, as CodeBuild is to make them.
  builds = merge(
    {
      for name, project in var.projects : local.build_name[name] => {
        description       = "Builds of Doorbell's project ${name}."
        concurrent_builds = project.concurrent_builds
        compute_type      = project.compute_type
        secret_arns       = project.secret_arns
      }
    },
    {
      (local.unprivileged_name) = {
        description = "Builds of pull requests: code from outside, in a role that can do nothing."
        # So that strangers can't take all of the account's places.
        concurrent_builds = 2
        compute_type      = "BUILD_GENERAL1_SMALL"
        secret_arns       = []
      }
    },
  )

  at        = "${var.context.region}:${var.context.account_id}"
  arn       = { for name in keys(local.builds) : name => "arn:${var.context.partition}:codebuild:${local.at}:project/${name}" }
  log_group = { for name in keys(local.builds) : name => "/aws/codebuild/${name}" }
  role_arn  = { for name in keys(local.builds) : name => "arn:${var.context.partition}:iam::${var.context.account_id}:role/${name}" }
}
