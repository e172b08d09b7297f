# The order in which Terraform makes a project's resources: role, policy and log group before the build project.
#
# A resource that names another by `depends_on` or `aws_iam_role.build[each.key]` gets an edge to each instance of it: with
# a thousand projects a million edges, and a plan of minutes. Through a value there are a thousand on either side. The
# values are names, which a plan knows. Decision 0074 has the figures.

locals {
  roles             = { for name, role in aws_iam_role.build : name => role.name }
  roles_with_policy = { for name, policy in aws_iam_role_policy.build : name => policy.role }
  log_groups        = { for name, group in aws_cloudwatch_log_group.build : name => group.name }
  # The registry's documents name these, and so come after: to a build project that is not pinned yet, the worker of a
  # pinned document would send too little, and the job would fail.
  made_build_projects = { for name, project in aws_codebuild_project.build : name => project.name }
}
