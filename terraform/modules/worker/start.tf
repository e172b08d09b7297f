# What a worker that is taken over could do with StartBuild: whatever an override lets it. So it may start a build only
# as the build project says, with variables by the names of the contract and of the project's registry entry.
#
# One statement that allows, on the condition that no override is there: conditions of a statement must all hold, where
# a Deny would need one statement for each override. Names are denied separately, since they differ between projects.

locals {
  # Every override of StartBuild that IAM can see. Left out is `codebuild:environment` itself, which the variables are
  # a part of. IAM can't see timeouts, and the type of a variable: that one is bounded by what the build's role may read.
  overrides = [
    "artifacts",
    "artifacts.bucketOwnerAccess",
    "artifacts.encryptionDisabled",
    "artifacts.location",
    "autoRetryLimit",
    "cache",
    "cache.location",
    "cache.modes",
    "cache.type",
    "encryptionKey",
    "environment.certificate",
    "environment.computeType",
    "environment.fleet.fleetArn",
    "environment.image",
    "environment.imagePullCredentialsType",
    "environment.privilegedMode",
    "environment.registryCredential",
    "environment.registryCredential.credential",
    "environment.registryCredential.credentialProvider",
    "environment.type",
    "logsConfig",
    "logsConfig.s3Logs",
    "logsConfig.s3Logs.bucketOwnerAccess",
    "logsConfig.s3Logs.encryptionDisabled",
    "logsConfig.s3Logs.location",
    "logsConfig.s3Logs.status",
    "secondaryArtifacts",
    "secondaryArtifacts.artifactIdentifier",
    "secondaryArtifacts.bucketOwnerAccess",
    "secondaryArtifacts.encryptionDisabled",
    "secondaryArtifacts.location",
    "secondarySources",
    "secondarySources.auth.resource",
    "secondarySources.auth.type",
    "secondarySources.buildStatusConfig.context",
    "secondarySources.buildStatusConfig.targetUrl",
    "secondarySources.buildspec",
    "secondarySources.insecureSsl",
    "secondarySources.location",
    "secondarySources.sourceIdentifier",
    "serviceRole",
    "source",
    "source.auth.resource",
    "source.auth.type",
    "source.buildStatusConfig.context",
    "source.buildStatusConfig.targetUrl",
    "source.buildspec",
    "source.insecureSsl",
    "source.location",
  ]
  start_conditions = merge(
    { for override in local.overrides : "codebuild:${override}" => "true" },
    # A start without any variable is none of ours. It also is what a set condition can't see: "any of none" is false.
    { "codebuild:environment.environmentVariables.name" = "false" },
  )

  # The names of the contract: publisher/messages/src/build_environment.rs. A test compares them.
  build_env_names = [
    "DOORBELL_ARGV",
    "DOORBELL_COMMIT",
    "DOORBELL_COMMIT_RULE",
    "DOORBELL_DIRECTORY",
    "DOORBELL_GIT_URL",
    "DOORBELL_JOB_ID",
    "DOORBELL_PROJECT",
    "DOORBELL_REF",
    "DOORBELL_TIMEOUT_SECONDS",
  ]
  # These name what the build's role reads. A build of a pull request gets none of them.
  secret_env_names = ["DOORBELL_DEFAULT_DOCUMENT", "DOORBELL_GIT_CREDENTIALS", "DOORBELL_PROJECT_DOCUMENT"]

  # Projects that allow the same names share a statement.
  build_project_names = sort([for name in keys(var.build_project_arns) : name if name != var.unprivileged_build_project])
  variable_sets       = distinct([for name in local.build_project_names : sort(distinct(lookup(var.build_variables, name, [])))])
  denied_variable_statements = merge(
    {
      for index, set in local.variable_sets : "DenyUnlistedVariables${index}" => {
        names = concat(local.build_env_names, local.secret_env_names, set)
        arns = [
          for name in local.build_project_names : var.build_project_arns[name]
          if sort(distinct(lookup(var.build_variables, name, []))) == set
        ]
      }
    },
    {
      DenyUnlistedVariablesUnprivileged = {
        names = local.build_env_names
        arns  = [var.build_project_arns[var.unprivileged_build_project]]
      }
    },
  )
}
