# Names and ARNs of build projects, their roles and log groups. Each project has its own build project and role, so a
# build cannot use another project's permissions.

locals {
  # CodeBuild forbids dots in names, and IAM limits their length. The hash distinguishes `a.b` from `a-b`, and long names
  # with the same beginning.
  build_project_names = {
    for project in keys(var.projects) : project => join("-", [
      "${local.name_prefix}${trim(substr(lower(replace(project, "/[^A-Za-z0-9]+/", "-")), 0, 24), "-")}",
      substr(sha256(project), 0, 8),
    ])
  }
  # All policies and event patterns name the build projects by this prefix, so that none grows with their number. An
  # installation's name contains no "--", so no other installation's build project has the prefix.
  name_prefix = "${var.context.name}--"
  # All projects that permit builds of pull requests share this build project, because its role has no permissions to
  # share. It lacks the prefix: the worker may pass it fewer variables.
  unprivileged_build_project = "${var.context.name}_unprivileged"
  # Runs what documents name that Terraform does not write, if the owner asks for it. Its role reads no secret.
  shared_build_project = var.shared ? "${var.context.name}_shared" : null
  shared_names         = compact([local.unprivileged_build_project, local.shared_build_project])

  # The settings of all build projects, by name.
  settings = merge(
    {
      for name, project in var.projects : local.build_project_names[name] => {
        description       = "Builds of the Doorbell project ${name}."
        concurrent_builds = project.concurrent_builds
        compute_type      = project.compute_type
        image             = project.image
        architecture      = project.architecture
        privileged_mode   = project.privileged_mode
        cache             = project.cache
        reports           = project.reports
        artifacts         = project.artifacts
        network           = var.network
        secret_arns       = project.secret_arns
        timeout_minutes   = project.timeout_minutes
      }
    },
    {
      for name in local.shared_names : name => {
        description = (
          name == local.unprivileged_build_project
          ? "Builds of pull requests: untrusted code, in a role that only writes its log."
          : "Builds of projects that Terraform does not manage, in a role that only writes its log."
        )
        concurrent_builds = name == local.unprivileged_build_project ? var.unprivileged_concurrent_builds : null
        compute_type      = "BUILD_GENERAL1_SMALL"
        image             = null
        architecture      = "x86_64"
        privileged_mode   = false
        cache             = null
        reports           = []
        artifacts         = null
        network           = null
        secret_arns       = []
        timeout_minutes   = 60
      }
    },
  )

  # What the resources iterate over. A map, because Terraform sorts a set whenever it reads one, and it reads a for_each
  # several times for each of a thousand resources.
  names         = tomap({ for name in keys(local.settings) : name => name })
  names_to_make = var.image == null ? tomap({}) : local.names
  # The settings with names and policies.
  build_projects = {
    for name, settings in local.settings : name => merge(settings, {
      log_group_name = "/aws/codebuild/${name}"
      trust_policy   = jsonencode(local.trust_policies[name])
      role_policy    = jsonencode({ Version = "2012-10-17", Statement = local.role_statements[name] })
    })
  }

  role_arn_prefix = "arn:${var.context.partition}:iam::${var.context.account_id}:role${var.organization.role_path}"
  region_account  = "${var.context.region}:${var.context.account_id}"
  name_patterns = merge(
    { projects = "${local.name_prefix}*", unprivileged = local.unprivileged_build_project },
    var.shared ? { shared = local.shared_build_project } : {},
  )
}
