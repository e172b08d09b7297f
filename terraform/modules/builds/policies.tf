# The policies of the build projects' roles.

locals {
  # AWS documents kms:ViaService with the DNS suffix of the partition.
  dns_suffix = var.context.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"

  trust_policies = {
    for name in keys(local.settings) : name => {
      Version = "2012-10-17"
      Statement = [{
        Sid       = "AssumeByBuildProject"
        Effect    = "Allow"
        Action    = "sts:AssumeRole"
        Principal = { Service = "codebuild.amazonaws.com" }
        # Prevents the confused deputy: CodeBuild also acts for other accounts, and for this account's other build
        # projects.
        Condition = {
          StringEquals = { "aws:SourceAccount" = var.context.account_id }
          ArnEquals    = { "aws:SourceArn" = "arn:${var.context.partition}:codebuild:${local.region_account}:project/${name}" }
        }
      }]
    }
  }

  # The permissions of a build. All code in the build can use this role, so it only writes its log and reads its git
  # secret. The owner attaches further permissions for a deployment to the role of that project.
  role_statements = {
    for name, settings in local.settings : name => concat(
      [{
        Sid      = "WriteLog"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["arn:${var.context.partition}:logs:${local.region_account}:log-group:/aws/codebuild/${name}:*"]
      }],
      length(settings.secret_arns) == 0 ? [] : [{
        Sid      = "ReadGitCredentials"
        Effect   = "Allow"
        Action   = ["secretsmanager:GetSecretValue"]
        Resource = settings.secret_arns
      }],
      length(settings.secret_arns) == 0 || var.organization.kms_key_arn == null ? [] : [{
        Sid       = "DecryptGitCredentials"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [var.organization.kms_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = "secretsmanager.${var.context.region}.${local.dns_suffix}" } }
      }],
    )
  }
}
