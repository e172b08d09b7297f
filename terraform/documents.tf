# The registry's documents, with the keys of the contract. Keys without a value are omitted, so the contract's defaults
# apply.

locals {
  documents = {
    for name, project in var.projects : name => jsonencode({
      for key, value in {
        gitUrl                   = project.git_url
        command                  = jsondecode(project.command == null ? jsonencode(project.executable) : jsonencode(project.command))
        deployDir                = project.deploy_dir
        refs                     = project.refs
        commitPolicy             = project.commit_policy
        pullRequests             = project.pull_requests
        order                    = project.order
        allowOlder               = project.allow_older
        onUnknownStart           = project.on_unknown_start
        timeoutMinutes           = project.timeout_minutes
        maxJobsPerHour           = project.max_jobs_per_hour
        announce                 = project.announce
        variables                = length(project.variables) == 0 ? null : local.variable_rules[name]
        checkout                 = project.checkout == null ? null : local.checkouts[name]
        allowCancel              = project.allow_cancel
        gitCredentials           = project.git_secret == null ? null : { secret = project.git_secret }
        reportTo                 = project.report_to == null ? null : local.report_targets[name]
        pinned                   = true
        buildProject             = module.builds.build_projects[name]
        unprivilegedBuildProject = project.pull_requests == "unprivileged" ? module.builds.unprivileged_build_project : null
      } : key => value if value != null
    })
  }
  # A name, or its name with a rule, as the registry's documents have both. A list of both has no type of its own.
  variable_rules = {
    for name, project in var.projects : name => [
      for variable in project.variables : jsondecode(
        try(project.variable_rules[variable], null) == null ? jsonencode(variable) : jsonencode({
          for key, value in {
            name      = variable
            pattern   = project.variable_rules[variable].pattern
            maxLength = project.variable_rules[variable].max_length
          } : key => value if value != null
        })
      )
    ]
  }
  checkouts = {
    for name, project in var.projects : name => { for key, value in project.checkout : key => value if value != null } if project.checkout != null
  }
  report_targets = {
    for name, project in var.projects : name => {
      for key, value in {
        type        = project.report_to.type
        url         = project.report_to.url
        repo        = project.report_to.repo
        tokenSecret = project.report_to.token_secret
        username    = project.report_to.username
      } : key => value if value != null
    } if project.report_to != null
  }

  # The ports of the forges, and 443 for AWS.
  egress_ports = distinct(concat([443], [
    for project in values(var.projects) : tonumber(try(regex("^https://[^/]*:([0-9]{1,5})(?:/|$)", project.report_to.url)[0], "443")) if project.report_to != null
  ]))
}
