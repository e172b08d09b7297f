variable "schedules" {
  description = <<-TEXT
    Builds at fixed times, by a short name. EventBridge Scheduler publishes a request for `project` and `ref` (heads/main,
    tags/v1 or a bare branch) at the times of `cron`: minutes, hours, day of month, month, day of week and year, such as
    `0 3 * * ? *`, in `timezone`. `variables` are variables of the request that the project allows.
  TEXT
  type = map(object({
    project   = string
    ref       = string
    cron      = string
    timezone  = optional(string, "UTC")
    variables = optional(map(string), {})
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.schedules) : can(regex("^[A-Za-z0-9][A-Za-z0-9._-]{0,53}$", name))])
    error_message = "A schedule's name must have 1 to 54 characters of A-Z a-z 0-9 . _ - and begin with a letter or a digit. The request's id contains it."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : contains(keys(var.projects), schedule.project) && !try(var.projects[schedule.project].retired, true)])
    error_message = "A schedule's project must be one of projects, and not retired."
  }

  validation {
    condition = alltrue([
      for schedule in values(var.schedules) : length(setsubtract(keys(schedule.variables), try(var.projects[schedule.project].variables, []))) == 0
    ])
    error_message = "A schedule's variables must be among those that its project lists."
  }

  # The worker rejects other refs as well; a plan says so before the first night.
  validation {
    condition = alltrue([
      for schedule in values(var.schedules) : !endswith(schedule.ref, "*") && anytrue([
        for pattern in try(var.projects[schedule.project].refs, []) : (
          endswith(pattern, "*")
          ? startswith(replace(schedule.ref, "/^(heads/)?/", startswith(schedule.ref, "tags/") ? "" : "heads/"), trimsuffix(replace(pattern, "/^(heads/)?/", startswith(pattern, "tags/") ? "" : "heads/"), "*"))
          : replace(schedule.ref, "/^(heads/)?/", startswith(schedule.ref, "tags/") ? "" : "heads/") == replace(pattern, "/^(heads/)?/", startswith(pattern, "tags/") ? "" : "heads/")
        )
      ])
    ])
    error_message = "A schedule's ref must be a branch or tag, without *, that its project's refs allow."
  }

  validation {
    condition     = alltrue([for schedule in values(var.schedules) : can(regex("^([0-5]?[0-9]|[0-5]?[0-9]/(5|10|15|20|30))( [A-Za-z0-9*?,/L#W-]+){5}$", schedule.cron))])
    error_message = "cron must have six fields, such as 0 3 * * ? *, and its minute be a number, or a number and /5, /10, /15, /20 or /30: requests of a schedule within two minutes are one job."
  }
}
