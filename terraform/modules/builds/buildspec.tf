# The buildspecs: the runner, and what CodeBuild does with the files that a build leaves.

locals {
  # The worker's role does not allow overriding it, and no repository can change it.
  run = <<-YAML
    version: 0.2
    phases:
      build:
        commands:
          - doorbell-runner
  YAML
  # The runner checks out into this directory. A JSON string is a YAML string.
  checkout = "base-directory: checkout"
  buildspecs = {
    for name, settings in local.settings : name => join("", [
      local.run,
      settings.cache == null ? "" : "cache:\n  paths:\n${join("", [for path in settings.cache.paths : "    - ${jsonencode(path)}\n"])}",
      length(settings.reports) == 0 ? "" : "reports:\n  tests:\n    ${local.checkout}\n    files:\n${join("", [for path in settings.reports : "      - ${jsonencode(path)}\n"])}",
      settings.artifacts == null ? "" : "artifacts:\n  ${local.checkout}\n  files:\n${join("", [for path in settings.artifacts.paths : "    - ${jsonencode(path)}\n"])}",
    ])
  }

  # The buckets of a build project, and the prefix in each that belongs to it.
  buckets = {
    for name, settings in local.settings : name => distinct(compact([try(settings.cache.bucket, null), try(settings.artifacts.bucket, null)]))
  }
}
