# The registry's documents, in the contract's words. Keys that are not set are left out: the contract's defaults hold.

locals {
  documents = {
    for name, it in var.projects : name => jsonencode({
      for key, value in {
        gitUrl                   = it.git_url
        command                  = jsondecode(it.command == null ? jsonencode(it.executable) : jsonencode(it.command))
        deployDir                = it.deploy_dir
        refs                     = it.refs
        commits                  = it.commits
        pullRequests             = it.pull_requests
        onUnknownStart           = it.on_unknown_start
        timeoutMinutes           = it.timeout_minutes
        variables                = length(it.variables) == 0 ? null : it.variables
        cancelByRequest          = it.cancel_by_request
        gitCredentials           = it.git_secret == null ? null : { secret = it.git_secret }
        report                   = it.report == null ? null : local.reports[name]
        buildProject             = module.builds.build_projects[name]
        unprivilegedBuildProject = it.pull_requests == "unprivileged" ? module.builds.unprivileged_build_project : null
      } : key => value if value != null
    })
  }
  reports = {
    for name, it in var.projects : name => {
      for key, value in {
        type        = it.report.type
        url         = it.report.url
        repo        = it.report.repo
        tokenSecret = it.report.token_secret
        username    = it.report.username
      } : key => value if value != null
    } if it.report != null
  }

  # Forges may stand at ports of their own; AWS is at 443.
  egress_ports = distinct(concat([443], [
    for it in values(var.projects) : tonumber(try(regex("^https://[^/]*:([0-9]{1,5})(?:/|$)", it.report.url)[0], "443")) if it.report != null
  ]))
}
