# The policies of the build projects' roles.

locals {
  # AWS documents kms:ViaService with the DNS suffix of the partition.
  dns_suffix = var.context.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"

  # The services through which a build uses the organization's key: for its git secret, its cache and its artifacts.
  s3_service = "s3.${var.context.region}.${local.dns_suffix}"
  key_services = {
    for name, settings in local.settings : name => var.organization.kms_key_arn == null ? [] : concat(
      length(settings.secret_arns) == 0 ? [] : ["secretsmanager.${var.context.region}.${local.dns_suffix}"],
      length(local.buckets[name]) == 0 ? [] : [local.s3_service],
    )
  }

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
      length(local.key_services[name]) == 0 ? [] : [{
        Sid       = "DecryptByKey"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [var.organization.kms_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = local.key_services[name] } }
      }],
      !contains(local.key_services[name], local.s3_service) ? [] : [{
        Sid       = "EncryptFiles"
        Effect    = "Allow"
        Action    = ["kms:GenerateDataKey"]
        Resource  = [var.organization.kms_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = [local.s3_service] } }
      }],
      length(local.buckets[name]) == 0 ? [] : [{
        Sid      = "ReadWriteFiles"
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
        Resource = [for bucket in local.buckets[name] : "arn:${var.context.partition}:s3:::${bucket}/${name}/*"]
      }],
      length(local.buckets[name]) == 0 ? [] : [{
        Sid      = "ReadBuckets"
        Effect   = "Allow"
        Action   = ["s3:GetBucketAcl", "s3:GetBucketLocation"]
        Resource = [for bucket in local.buckets[name] : "arn:${var.context.partition}:s3:::${bucket}"]
      }],
      length(settings.reports) == 0 ? [] : [{
        Sid      = "WriteReports"
        Effect   = "Allow"
        Action   = ["codebuild:BatchPutCodeCoverages", "codebuild:BatchPutTestCases", "codebuild:CreateReport", "codebuild:CreateReportGroup", "codebuild:UpdateReport"]
        Resource = ["arn:${var.context.partition}:codebuild:${local.region_account}:report-group/${name}-tests"]
      }],
      # AWS defines no narrower resource for reads, and the interface has no name before its creation.
      [for network in settings.network[*] : {
        Sid    = "AttachToVpc"
        Effect = "Allow"
        Action = [
          "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces",
          "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
        ]
        Resource = ["*"]
      }],
      [for network in settings.network[*] : {
        Sid      = "GiveInterfaceToCodeBuild"
        Effect   = "Allow"
        Action   = ["ec2:CreateNetworkInterfacePermission"]
        Resource = ["arn:${var.context.partition}:ec2:${local.region_account}:network-interface/*"]
        Condition = {
          StringEquals = { "ec2:AuthorizedService" = "codebuild.amazonaws.com" }
          ArnEquals    = { "ec2:Subnet" = [for subnet in network.subnet_ids : "arn:${var.context.partition}:ec2:${local.region_account}:subnet/${subnet}"] }
        }
      }],
    )
  }
}
