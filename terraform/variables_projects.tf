# The registry's projects, as typed variables. The validations reject in the plan what the contract of
# publisher/messages (project.v1.json) rejects; a test compares both with the contract's fixtures.

variable "registry_prefix" {
  description = "The prefix of the registry's SSM parameters, `<prefix>/<project>`. The default is / and the installation's name."
  type        = string
  default     = null
  validation {
    condition     = var.registry_prefix == null || can(regex("^(/[A-Za-z0-9_.-]+){1,10}$", var.registry_prefix)) && !can(regex("^/(aws|ssm)", lower(var.registry_prefix)))
    error_message = "registry_prefix must begin with /, not end with it, and consist of A-Z a-z 0-9 . _ - /. AWS reserves /aws and /ssm."
  }
}

variable "projects" {
  description = <<-TEXT
    The projects that Doorbell may build, by name. A project has a `command`, which is a list of all arguments, or an
    `executable`, which is one program that gets the ref as its argument. A ref is `heads/main`, `tags/v*`, or the bare
    name of a branch. `git_secret` and `report_to.token_secret` are names or complete ARNs of Secrets Manager secrets,
    never the secrets; the name of a `token_secret` begins with the installation's name and `/report/`. `concurrent_builds`
    is the limit of the CodeBuild project; without it, only the account's quota limits its builds. `image` (with its
    digest), `architecture` (x86_64 or arm64), `privileged_mode`, `cache`, `reports` and `artifacts` are settings of the
    CodeBuild project; builds of pull requests have none of them. A `retired` project keeps its builds and logs, and no
    request can start it. `checkout` is what the runner fetches beyond the commit. `variable_rules` limits the values of
    `variables`, by name: `pattern` must match the whole value. The other keys are those of the
    registry's documents. Repository, command, refs, variables, timeout and git secret also stand in the build project
    itself, where no worker can change them.
  TEXT
  type = map(object({
    git_url          = string
    command          = optional(list(string))
    executable       = optional(string)
    deploy_dir       = optional(string)
    refs             = list(string)
    commit_policy    = optional(string)
    pull_requests    = optional(string)
    on_unknown_start = optional(string)
    order            = optional(string)
    allow_older      = optional(bool)
    checkout = optional(object({
      submodules = optional(bool)
      lfs        = optional(bool)
      tags       = optional(bool)
      depth      = optional(number)
    }))
    timeout_minutes   = optional(number)
    max_jobs_per_hour = optional(number)
    announce          = optional(string)
    variables         = optional(list(string), [])
    variable_rules    = optional(map(object({ pattern = optional(string), max_length = optional(number) })), {})
    allow_cancel      = optional(bool)
    git_secret        = optional(string)
    concurrent_builds = optional(number)
    compute_type      = optional(string, "BUILD_GENERAL1_SMALL")
    image             = optional(string)
    architecture      = optional(string, "x86_64")
    privileged_mode   = optional(bool, false)
    cache             = optional(object({ paths = list(string), bucket = optional(string) }))
    reports           = optional(list(string), [])
    artifacts         = optional(object({ bucket = string, paths = list(string) }))
    retired           = optional(bool, false)
    report_to = optional(object({
      type         = optional(string, "pagure")
      url          = string
      repo         = string
      token_secret = string
      username     = optional(string)
    }))
  }))
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for name in keys(var.projects) : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", name)) && !strcontains(name, "..")
    ])
    error_message = "A project's name must have 1 to 63 characters of A-Z a-z 0-9 . _ -, begin with a letter or a digit, and not contain \"..\". Rejected: ${join(", ", [for name in keys(var.projects) : jsonencode(name) if !can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$", name)) || strcontains(name, "..")])}."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) :
      length(project.git_url) <= 1024 && !strcontains(project.git_url, "::") && (
        can(regex("^https://[A-Za-z0-9_][A-Za-z0-9._-]*(:[0-9]{1,5})?/[!-?A-~]+$", project.git_url)) ||
        can(regex("^ssh://([A-Za-z0-9._][A-Za-z0-9._-]*@)?[A-Za-z0-9_][A-Za-z0-9._-]*(:[0-9]{1,5})?/[!-~]+$", project.git_url)) ||
        can(regex("^[A-Za-z0-9._][A-Za-z0-9._-]*@[A-Za-z0-9_][A-Za-z0-9._-]*:[!-,.-~][!-~]*$", project.git_url))
      )
    ])
    error_message = "git_url must be https://host/path, ssh://user@host/path or user@host:path, without a password. Name a secret in git_secret."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) :
      (project.command == null) != (project.executable == null) &&
      (project.command == null || try(length(project.command) > 0 && project.command[0] != "", false)) && project.executable != ""
    ])
    error_message = "A project must have either command, a list of arguments that begins with the program, or executable, one program. No shell runs them."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) : project.deploy_dir == null || (
        try(length(project.deploy_dir) >= 1 && length(project.deploy_dir) <= 1024, false) && !can(regex("(^/|(^|/)\\.\\.(/|$))", project.deploy_dir))
      )
    ])
    error_message = "deploy_dir must be a directory in the checkout: relative, and without \"..\"."
  }

  validation {
    condition = alltrue(flatten([
      for project in values(var.projects) : [
        for ref in project.refs :
        can(regex("^[!-)+-9;->@-Z\\]_-}]*\\*?$", ref)) && ref != "" &&
        !can(regex("(^refs/|^(heads|tags)/$|^(heads/|tags/)?(@|HEAD)$|\\.\\.|@\\{|^[-./]|/[-./]|[./]$|\\.lock(/|$))", ref)) &&
        length(replace(ref, "/^(heads|tags)\\//", "")) <= 200
      ]
    ]))
    error_message = "refs must be heads/main, tags/v* or a bare branch: printable ASCII without ~ ^ : ? [ \\, no part that begins with - or a dot, at most one *, at the end. Rejected: ${join(", ", distinct(flatten([for project in values(var.projects) : [for ref in project.refs : jsonencode(ref) if !can(regex("^[!-)+-9;->@-Z\\]_-}]*\\*?$", ref)) || ref == "" || can(regex("(^refs/|^(heads|tags)/$|^(heads/|tags/)?(@|HEAD)$|\\.\\.|@\\{|^[-./]|/[-./]|[./]$|\\.lock(/|$))", ref)) || length(replace(ref, "/^(heads|tags)\\//", "")) > 200]])))}."
  }

  validation {
    condition     = alltrue([for project in values(var.projects) : length(project.refs) > 0])
    error_message = "refs must not be empty. (The registry's default, any branch, exists for documents of iwomp-in-aws.)"
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) :
      contains(["ancestor", "tip"], coalesce(project.commit_policy, "ancestor")) &&
      contains(["none", "unprivileged"], coalesce(project.pull_requests, "none")) &&
      contains(["retry", "stop"], coalesce(project.on_unknown_start, "retry")) &&
      contains(["parallel", "serial", "newest"], coalesce(project.order, "parallel")) &&
      contains(["none", "finished", "all"], coalesce(project.announce, "finished"))
    ])
    error_message = "commit_policy must be ancestor or tip, pull_requests none or unprivileged, on_unknown_start retry or stop, order parallel, serial or newest, and announce none, finished or all."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) :
      try(project.checkout.depth, null) == null || try(project.checkout.depth >= 0 && project.checkout.depth <= 1000000 && floor(project.checkout.depth) == project.checkout.depth, false)
    ])
    error_message = "checkout.depth must be a whole number from 1 to 1000000, or 0 for the whole history."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) :
      project.timeout_minutes == null || try(project.timeout_minutes >= 5 && project.timeout_minutes <= 2160 && floor(project.timeout_minutes) == project.timeout_minutes, false)
    ])
    error_message = "timeout_minutes must be a whole number from 5 to 2160, CodeBuild's limits."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) :
      project.max_jobs_per_hour == null || try(project.max_jobs_per_hour >= 1 && project.max_jobs_per_hour <= 1000 && floor(project.max_jobs_per_hour) == project.max_jobs_per_hour, false)
    ])
    error_message = "max_jobs_per_hour must be a whole number from 1 to 1000."
  }

  validation {
    # Each name once: a thousand projects have few different ones, and Terraform compiles an expression at each use.
    condition = alltrue([
      for variable in toset(flatten(values(var.projects)[*].variables)) :
      can(regex("^[A-Za-z_][A-Za-z0-9_]{0,127}$", variable)) && !can(regex(local.reserved_variable, upper(variable)))
    ])
    error_message = "variables must be names of letters, digits and _ that no program of a build reads before the command, such as PATH, GIT_*, LD_* or *_PROXY; docs/reference/project.md lists the reserved ones. Rejected: ${join(", ", [for variable in toset(flatten(values(var.projects)[*].variables)) : jsonencode(variable) if !can(regex("^[A-Za-z_][A-Za-z0-9_]{0,127}$", variable)) || can(regex(local.reserved_variable, upper(variable)))])}."
  }

  validation {
    condition     = alltrue([for project in values(var.projects) : length(distinct(project.variables)) == length(project.variables)])
    error_message = "variables must not list a name twice."
  }

  validation {
    condition     = alltrue([for project in values(var.projects) : length(setsubtract(keys(project.variable_rules), project.variables)) == 0])
    error_message = "variable_rules must be rules of names that variables lists."
  }

  validation {
    # The registry's regular expressions are Terraform's without Unicode classes, quoted text and single bytes.
    condition = alltrue(flatten([
      for project in values(var.projects) : [
        for rule in values(project.variable_rules) : rule.pattern == null || try(length(rule.pattern) >= 1 && length(rule.pattern) <= 256 && can(regexall(rule.pattern, "")) && !can(regex("\\\\[pPQEC]", rule.pattern)), false)
      ]
    ]))
    error_message = "pattern of variable_rules must be a regular expression of 1 to 256 characters, without look-around, back-references and \\p. Rejected: ${join(", ", distinct(flatten([for project in values(var.projects) : [for rule in values(project.variable_rules) : jsonencode(rule.pattern) if rule.pattern != null && !try(length(rule.pattern) >= 1 && length(rule.pattern) <= 256 && can(regexall(rule.pattern, "")) && !can(regex("\\\\[pPQEC]", rule.pattern)), false)]])))}."
  }

  validation {
    condition = alltrue(flatten([
      for project in values(var.projects) : [
        for rule in values(project.variable_rules) :
        rule.max_length == null || try(rule.max_length >= 1 && rule.max_length <= 4096 && floor(rule.max_length) == rule.max_length, false)
      ]
    ]))
    error_message = "max_length of variable_rules must be a whole number from 1 to 4096."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) : alltrue([
        for secret in compact([project.git_secret, try(project.report_to.token_secret, null)]) :
        # An ARN without its last six characters grants nothing; with a * in their place it grants too much.
        can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", secret)) ||
        can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$", secret))
      ])
    ])
    error_message = "git_secret and report_to.token_secret must be names of Secrets Manager secrets (letters, digits, / _ + = . @ -) or their complete ARNs, with the hyphen and six characters at the end. They must not be the secret's value."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) : project.report_to == null || try(
        can(regex("^(arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?${var.name}/report/", project.report_to.token_secret)), false
      )
    ])
    error_message = "report_to.token_secret must begin with ${var.name}/report/, because the worker may read only secrets with that prefix: so its policy does not grow with the projects."
  }

  validation {
    condition     = alltrue([for project in values(var.projects) : project.git_secret == null || project.git_secret != try(project.report_to.token_secret, "")])
    error_message = "git_secret and report_to.token_secret of a project must differ: builds read the first, and only workers may read the second."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) : project.report_to == null || try(
        contains(["pagure", "pagure-ci"], project.report_to.type) &&
        length(project.report_to.url) <= 512 && can(regex("^https://[A-Za-z0-9\\[][A-Za-z0-9._:/~\\[\\]-]*$", project.report_to.url)) &&
        length(project.report_to.repo) <= 255 &&
        can(regex("^[A-Za-z0-9_+-][A-Za-z0-9._+-]*(/[A-Za-z0-9_+-][A-Za-z0-9._+-]*){0,3}$", project.report_to.repo)),
        false
      )
    ])
    error_message = "report_to.type must be pagure or pagure-ci, report_to.url https://host[:port][/path] without user name or query, and report_to.repo name, namespace/name or fork/user/name."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) : (project.concurrent_builds == null || try(project.concurrent_builds >= 1 && floor(project.concurrent_builds) == project.concurrent_builds, false)) &&
      can(regex("^BUILD_GENERAL1_(SMALL|MEDIUM|LARGE|XLARGE|2XLARGE)$", project.compute_type))
    ])
    error_message = "concurrent_builds must be a whole number from 1, and compute_type one of BUILD_GENERAL1_SMALL, _MEDIUM, _LARGE, _XLARGE, _2XLARGE."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) : contains(["x86_64", "arm64"], project.architecture) &&
      (project.image == null ? project.architecture == "x86_64" : can(regex("^[^@ ]+@sha256:[0-9a-f]{64}$", project.image)))
    ])
    error_message = "image must have a digest (REPOSITORY@sha256:...), and architecture be x86_64 or arm64. arm64 needs an image of its own: that of bin/deploy_image runs on x86_64."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) : project.cache == null || try(
        length(project.cache.paths) > 0 && alltrue([for path in project.cache.paths : can(regex("^/[!-~]+$", path)) && !strcontains(path, "..")]), false
      )
    ])
    error_message = "cache.paths must be absolute paths without \"..\", such as /var/cache/pip/**/*. The checkout itself cannot be cached: the runner checks out into an empty directory."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) : alltrue([
        for path in concat(project.reports, try(project.artifacts.paths, [])) : can(regex("^[!-.0-~][!-~]*$", path)) && !strcontains(path, "..")
      ]) && (project.artifacts == null || try(length(project.artifacts.paths) > 0, false))
    ])
    error_message = "reports and artifacts.paths must be paths in the checkout: relative, and without \"..\". artifacts needs at least one."
  }

  validation {
    condition = alltrue([
      for project in values(var.projects) : alltrue([
        for bucket in compact([try(project.cache.bucket, null), try(project.artifacts.bucket, null)]) : can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", bucket))
      ])
    ])
    error_message = "cache.bucket and artifacts.bucket must be names of S3 buckets, without a path: each build project has its own prefix."
  }
}

variable "unprivileged_concurrent_builds" {
  description = "The limit of concurrent builds of pull requests. Without it, pull requests can use up the account's quota, so set it once the quota is above 1: CodeBuild rejects a limit above the account's quota, which is 1 in a new account."
  type        = number
  default     = null
  validation {
    condition     = var.unprivileged_concurrent_builds == null || try(var.unprivileged_concurrent_builds >= 1 && floor(var.unprivileged_concurrent_builds) == var.unprivileged_concurrent_builds, false)
    error_message = "unprivileged_concurrent_builds must be a whole number from 1."
  }
}
