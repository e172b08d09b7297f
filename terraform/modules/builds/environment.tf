# What the owner fixed, in the own environment of each project's build project ("pinned"). The worker's policy lets it
# replace none of these variables, so a compromised worker cannot choose a repository, command or secret. The runner checks
# the ref and the variables of each job against them.

locals {
  environments = merge(
    { for name, project in var.projects : local.build_project_names[name] => local.pinned_environments[name] },
    # What is shared by several projects fixes nothing: the worker passes what to build.
    { for name in local.shared_names : name => {} },
  )
  pinned_environments = {
    for name, project in var.projects : name => {
      for variable, value in {
        DOORBELL_PINNED          = "1"
        DOORBELL_PROJECT         = name
        DOORBELL_GIT_URL         = project.git_url
        DOORBELL_PROGRAM         = jsonencode(project.program)
        DOORBELL_APPEND_REF      = project.append_ref ? "1" : "0"
        DOORBELL_DIRECTORY       = project.directory
        DOORBELL_REFS            = jsonencode(project.refs)
        DOORBELL_COMMIT_RULE     = project.commit_rule
        DOORBELL_VARIABLES       = jsonencode(project.variables)
        DOORBELL_CHECKOUT        = project.checkout
        DOORBELL_GIT_CREDENTIALS = project.git_secret
        # The runner ends the command a minute before CodeBuild ends the build, so that it can say so.
        DOORBELL_TIMEOUT_SECONDS = tostring(project.timeout_minutes * 60 - 60)
      } : variable => value if value != null
    }
  }
}
