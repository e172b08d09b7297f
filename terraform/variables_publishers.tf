variable "publishers" {
  description = <<-TEXT
    CI systems that may publish build requests, keyed by a short name. `ci` is github, gitlab, circleci, bitbucket or
    buildkite, which authenticate with an OpenID Connect token, or key: an IAM user, for CI systems that only support
    access keys (Pagure, Travis), or role: a role for `principal_arn`, a role or user of this or another account, which
    needs `sts:AssumeRole` on it and no access to the topic or its key. `subjects` are complete `sub` claims of the
    tokens. A `*` or `?` may replace only the parts that CircleCI, Bitbucket and Buildkite change with each build or
    user. CircleCI, Bitbucket and self-hosted CI systems need
    `issuer` and `audience`. An account has one OpenID Connect provider for each issuer, which all its users share. If the
    account already has it, set `create_provider = false`; `aws iam list-open-id-connect-providers` lists them.
  TEXT
  type = map(object({
    ci              = string
    subjects        = optional(list(string), [])
    issuer          = optional(string)
    audience        = optional(string)
    create_provider = optional(bool, true)
    principal_arn   = optional(string)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name in keys(var.publishers) : can(regex("^[a-z0-9][a-z0-9-]{0,30}$", name))])
    error_message = "A publisher's name must have 1 to 31 characters of a-z 0-9 - and not begin with a hyphen. The name of its role or user contains it."
  }

  validation {
    condition     = alltrue([for publisher in values(var.publishers) : contains(["github", "gitlab", "circleci", "bitbucket", "buildkite", "key", "role"], publisher.ci)])
    error_message = "ci must be github, gitlab, circleci, bitbucket, buildkite, key or role."
  }

  validation {
    condition     = alltrue([for publisher in values(var.publishers) : contains(["key", "role"], publisher.ci) == (length(publisher.subjects) == 0)])
    error_message = "A publisher with a token needs at least one subject; without one, every customer of that CI could publish. A publisher with a key or a role must have none."
  }

  validation {
    condition     = alltrue([for publisher in values(var.publishers) : (publisher.ci == "role") == (publisher.principal_arn != null)])
    error_message = "A publisher with ci = \"role\" needs principal_arn, and no other has one."
  }

  validation {
    condition     = alltrue([for publisher in values(var.publishers) : publisher.principal_arn == null || can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", publisher.principal_arn))])
    error_message = "principal_arn must be the complete ARN of a role or user, without * and not an account's root: every principal of that account could publish."
  }

  validation {
    condition     = alltrue([for publisher in values(var.publishers) : !contains(["circleci", "bitbucket"], publisher.ci) || publisher.issuer != null && publisher.audience != null])
    error_message = "CircleCI and Bitbucket need issuer and audience. They contain your organization's id, so AWS accepts only its tokens."
  }

  validation {
    condition     = alltrue([for publisher in values(var.publishers) : publisher.issuer == null || can(regex("^(https://)?[A-Za-z0-9.-]+(/[A-Za-z0-9._/-]+)?$", publisher.issuer))])
    error_message = "issuer must be the address of the CI's token issuer, such as https://gitlab.example.org."
  }

  # Each CI has its own format for a pipeline and a ref.
  validation {
    condition = alltrue(flatten([
      for publisher in values(var.publishers) : [
        for subject in publisher.subjects : can(regex(lookup({
          github = "^repo:[^*?:]+/[^*?:]+:(ref:refs/(heads|tags)/[^*?]+|environment:[^*?]+|pull_request)$"
          gitlab = "^project_path:[^*?:]+/[^*?:]+:ref_type:(branch|tag):ref:[^*?]+$"
          # After a user's 36 characters CircleCI's second token has the ref. A * there would also match any ref whose name
          # ends like the one that is meant.
          circleci  = "^org/[0-9a-f-]{36}/project/[0-9a-f-]{36}/user/([0-9a-f-]{36}|\\*|([0-9a-f-]{36}|\\?{36})/vcs-origin/[^*?]+/vcs-ref/refs/(heads|tags)/[^*?]+)$"
          bitbucket = "^\\{[0-9a-f-]{36}\\}(:\\{[0-9a-f-]{36}\\})?:(\\{[0-9a-f-]{36}\\}|\\*)$"
          buildkite = "^organization:[^*?:]+:pipeline:[^*?:]+:ref:refs/(heads|tags)/[^*?:]+:commit:([0-9a-f]{40}|\\*):step:([^*?:]+|\\*)$"
        }, publisher.ci, "^$"), subject))
      ]
    ]))
    error_message = <<-TEXT
      A subject must name exactly one pipeline and one ref or environment:
        github     repo:ORG/REPO:ref:refs/heads/BRANCH, or repo:ORG/REPO:environment:NAME
        gitlab     project_path:GROUP/PROJECT:ref_type:branch:ref:BRANCH
        circleci   org/ORG-ID/project/PROJECT-ID/user/????????????????????????????????????/vcs-origin/github.com/ORG/REPO/vcs-ref/refs/heads/BRANCH
                   (36 ? for the user), or org/ORG-ID/project/PROJECT-ID/user/* for any ref
        bitbucket  {REPOSITORY-UUID}:{ENVIRONMENT-UUID}:*
        buildkite  organization:ORG:pipeline:PIPELINE:ref:refs/heads/BRANCH:commit:*:step:*
      A * or ? is permitted only where it appears here.
    TEXT
  }
}
