# The conditions of the worker's StartBuild permission. A compromised worker could misuse overrides of StartBuild, so
# the worker may start a build only as the build project defines it. A project's build project also fixes repository,
# command and secret by variables of its own: the worker may send it the names of a job's variables, and of a request's,
# which begin with DOORBELL_VAR_.
#
# One Allow statement requires that every override is absent: all conditions of a statement must hold, whereas a Deny
# would need one statement per override. Deny statements limit the variables, because builds of pull requests get fewer.

locals {
  # The overrides of StartBuild that have a condition key, except `codebuild:environment`, which contains the variables.
  # Timeouts and the types of variables have none. The build's role limits what a variable's type can read.
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
    { for override in setsubtract(local.overrides, var.ignored_override_keys) : "codebuild:${override}" => "true" },
    # The worker always sends variables. Without this condition a start without variables would pass the Deny
    # statements, because ForAnyValue is false for an empty set.
    { "codebuild:environment.environmentVariables.name" = "false" },
  )

  # What differs between jobs, from publisher/messages/src/build_environment.rs. A test compares them.
  job_env_names = [
    "DOORBELL_COMMIT",
    "DOORBELL_JOB_ID",
    "DOORBELL_NOT_OLDER_THAN",
    "DOORBELL_REF",
  ]
  # All variables of the contract but those that name a secret: for build projects whose roles read none.
  build_env_names = [
    "DOORBELL_ARGV",
    "DOORBELL_CHECKOUT",
    "DOORBELL_COMMIT",
    "DOORBELL_COMMIT_RULE",
    "DOORBELL_DIRECTORY",
    "DOORBELL_GIT_URL",
    "DOORBELL_JOB_ID",
    "DOORBELL_NOT_OLDER_THAN",
    "DOORBELL_PROJECT",
    "DOORBELL_REF",
    "DOORBELL_TIMEOUT_SECONDS",
  ]

  # A request's variables have names of the projects' choice. The prefix covers all of them, and none that the runner or
  # the build machine reads.
  request_variable_names = ["DOORBELL_VAR_*"]

  denied_variable_statements = merge(
    {
      DenyUnlistedVariables = {
        arn   = var.build_project_arns.projects
        names = concat(local.job_env_names, local.request_variable_names)
      }
      DenyUnlistedVariablesUnprivileged = {
        arn   = var.build_project_arns.unprivileged
        names = local.build_env_names
      }
    },
    var.shared_build_project == null ? {} : {
      DenyUnlistedVariablesShared = {
        arn   = var.build_project_arns.shared
        names = concat(local.build_env_names, local.request_variable_names)
      }
    },
  )
}
