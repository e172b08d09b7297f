variable "publishers" {
  description = <<-TEXT
    The CIs that may ring, by a short name. `ci` is github, gitlab, circleci, bitbucket or buildkite, which prove who they
    are by an OpenID Connect token, or key: an IAM user, for CIs that only know access keys (Pagure, Travis). `subjects`
    are the tokens' `sub`, whole; a `*` may stand only for what CircleCI, Bitbucket and Buildkite put in there anew
    with each build or person. `issuer` and `audience` are needed for CircleCI and Bitbucket, and for hosts of your own.
    `provider_arn` names an OpenID Connect provider that the account has already.
  TEXT
  type = map(object({
    ci           = string
    subjects     = optional(list(string), [])
    issuer       = optional(string)
    audience     = optional(string)
    provider_arn = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.publishers) : can(regex("^[a-z0-9][a-z0-9-]{0,30}$", name))])
    error_message = "A publisher's name is 1 to 31 of a-z 0-9 -: it becomes a part of its role's name."
  }

  validation {
    condition     = alltrue([for publisher in values(var.publishers) : contains(["github", "gitlab", "circleci", "bitbucket", "buildkite", "key"], publisher.ci)])
    error_message = "ci is github, gitlab, circleci, bitbucket, buildkite or key."
  }

  validation {
    condition     = alltrue([for publisher in values(var.publishers) : (publisher.ci == "key") == (length(publisher.subjects) == 0)])
    error_message = "A publisher with a token names at least one subject: without one, every customer of that CI could publish. One with a key has none."
  }

  validation {
    condition     = alltrue([for publisher in values(var.publishers) : !contains(["circleci", "bitbucket"], publisher.ci) || publisher.issuer != null && publisher.audience != null])
    error_message = "CircleCI and Bitbucket need issuer and audience: both hold your organization's id, so that only its tokens count."
  }

  validation {
    condition     = alltrue([for publisher in values(var.publishers) : publisher.issuer == null || can(regex("^(https://)?[A-Za-z0-9.-]+(/[A-Za-z0-9._/-]+)?$", publisher.issuer))])
    error_message = "issuer is the address of the CI's token issuer, such as https://gitlab.example.org."
  }

  # One pattern a CI, since each has its own words for "this pipeline, this ref".
  validation {
    condition = alltrue(flatten([
      for publisher in values(var.publishers) : [
        for subject in publisher.subjects : can(regex(lookup({
          github    = "^repo:[^*?:]+/[^*?:]+:(ref:refs/(heads|tags)/[^*?]+|environment:[^*?]+|pull_request)$"
          gitlab    = "^project_path:[^*?:]+/[^*?:]+:ref_type:(branch|tag):ref:[^*?]+$"
          circleci  = "^org/[0-9a-f-]{36}/project/[0-9a-f-]{36}/user/([0-9a-f-]{36}|\\*)$"
          bitbucket = "^\\{[0-9a-f-]{36}\\}(:\\{[0-9a-f-]{36}\\})?:(\\{[0-9a-f-]{36}\\}|\\*)$"
          buildkite = "^organization:[^*?:]+:pipeline:[^*?:]+:ref:refs/(heads|tags)/[^*?:]+:commit:([0-9a-f]{40}|\\*):step:([^*?:]+|\\*)$"
        }, publisher.ci, "^$"), subject))
      ]
    ]))
    error_message = <<-TEXT
      A subject names one pipeline and one ref or environment, exactly:
        github     repo:ORG/REPO:ref:refs/heads/BRANCH, or repo:ORG/REPO:environment:NAME
        gitlab     project_path:GROUP/PROJECT:ref_type:branch:ref:BRANCH
        circleci   org/ORG-ID/project/PROJECT-ID/user/*
        bitbucket  {REPOSITORY-UUID}:{ENVIRONMENT-UUID}:*
        buildkite  organization:ORG:pipeline:PIPELINE:ref:refs/heads/BRANCH:commit:*:step:*
      A * may stand only where it stands here.
    TEXT
  }
}
