# One IAM identity per publisher. Each may only publish to the topic.

locals {
  # Publishers with an OpenID Connect token, publishers with an access key, and principals that assume a role.
  oidc_publishers = { for name, publisher in var.publishers : name => publisher if !contains(["key", "role"], publisher.ci) }
  key_publishers  = { for name, publisher in var.publishers : name => publisher if publisher.ci == "key" }
  role_publishers = { for name, publisher in var.publishers : name => publisher if publisher.ci == "role" }

  # The default issuer and audience of each CI's tokens: one table for Terraform, the snippets of docs/ci and
  # trigger_job; a policy test compares them. Those of CircleCI and Bitbucket contain the organization's id, so the root
  # module requires them as input.
  token_defaults = jsondecode(file("${path.module}/tokens.json"))
  token_issuers = {
    for name, publisher in local.oidc_publishers : name => trimprefix(publisher.issuer == null ? local.token_defaults[publisher.ci].issuer : publisher.issuer, "https://")
  }
  token_audiences = {
    for name, publisher in local.oidc_publishers : name => publisher.audience == null ? local.token_defaults[publisher.ci].audience : publisher.audience
  }

  # An account has one provider per issuer, and its ARN follows from the issuer. One publisher without the provider's
  # creation suffices: two publishers of an issuer share it.
  existing_issuers = toset([for name, publisher in local.oidc_publishers : local.token_issuers[name] if !publisher.create_provider])
  created_issuers  = setsubtract(values(local.token_issuers), local.existing_issuers)
  provider_arns = {
    for name, issuer in local.token_issuers : name => "arn:${var.context.partition}:iam::${var.context.account_id}:oidc-provider/${issuer}"
  }

  # The Regions in China have their own DNS suffix; AWS does not document which of both this key has there.
  dns_suffix = var.context.partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"

  role_names = { for name in keys(merge(local.oidc_publishers, local.role_publishers)) : name => "${var.context.name}-publisher-${name}" }
  user_names = { for name in keys(local.key_publishers) : name => "${var.context.name}-publisher-${name}" }
}

resource "aws_iam_openid_connect_provider" "ci" {
  for_each = local.created_issuers

  url            = "https://${each.key}"
  client_id_list = distinct([for name, issuer in local.token_issuers : local.token_audiences[name] if issuer == each.key])
}

resource "aws_iam_role" "publisher" {
  for_each = local.oidc_publishers

  name                 = local.role_names[each.key]
  permissions_boundary = var.organization.permissions_boundary_arn
  path                 = var.organization.role_path
  description          = "Publishes Doorbell requests from ${each.value.ci}; has no other permission."
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  # Seconds. IAM's minimum; a publish takes about one second.
  max_session_duration = 3600

  depends_on = [aws_iam_openid_connect_provider.ci]
}

data "aws_iam_policy_document" "trust" {
  for_each = local.oidc_publishers

  statement {
    sid     = "AssumeByCiToken"
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [local.provider_arns[each.key]]
    }
    condition {
      test     = "StringEquals"
      variable = "${local.token_issuers[each.key]}:aud"
      values   = [local.token_audiences[each.key]]
    }
    # StringLike only for CI systems whose subject changes with each build. The root module's validation rejects a `*`
    # in any other part.
    condition {
      test     = contains(["github", "gitlab"], each.value.ci) ? "StringEquals" : "StringLike"
      variable = "${local.token_issuers[each.key]}:sub"
      values   = each.value.subjects
    }
  }
}

resource "aws_iam_role_policy" "publish" {
  for_each = local.oidc_publishers

  name   = "publish"
  role   = aws_iam_role.publisher[each.key].name
  policy = data.aws_iam_policy_document.publish.json
}

# A role of this account, rather than another account's principal in the topic's policy: that would also need the topic's
# key, which may not be AWS's own, and the topic's policy would have to trust another account's policies.
resource "aws_iam_role" "assumed" {
  for_each = local.role_publishers

  name                 = local.role_names[each.key]
  permissions_boundary = var.organization.permissions_boundary_arn
  path                 = var.organization.role_path
  description          = "Publishes Doorbell requests for a principal that assumes it; has no other permission."
  assume_role_policy   = data.aws_iam_policy_document.principal_trust[each.key].json
  max_session_duration = 3600
}

data "aws_iam_policy_document" "principal_trust" {
  for_each = local.role_publishers

  statement {
    sid     = "AssumeByPrincipal"
    actions = ["sts:AssumeRole"]
    principals {
      type        = "AWS"
      identifiers = [each.value.principal_arn]
    }
  }
}

resource "aws_iam_role_policy" "publish_assumed" {
  for_each = local.role_publishers

  name   = "publish"
  role   = aws_iam_role.assumed[each.key].name
  policy = data.aws_iam_policy_document.publish.json
}

# The user of a CI without OpenID Connect, such as Pagure or Travis. Terraform does not create its access key, because
# the state would contain the secret: the root module's output `access_key_commands` is the command to create it.
resource "aws_iam_user" "publisher" {
  for_each = local.key_publishers

  name                 = local.user_names[each.key]
  permissions_boundary = var.organization.permissions_boundary_arn
  path                 = var.organization.role_path
  # Deletes the user's access keys, which Terraform does not manage, with the user.
  force_destroy = true
}

resource "aws_iam_user_policy" "publish" {
  for_each = local.key_publishers

  name   = "publish"
  user   = aws_iam_user.publisher[each.key].name
  policy = data.aws_iam_policy_document.publish.json
}

data "aws_iam_policy_document" "publish" {
  statement {
    sid       = "Publish"
    actions   = ["sns:Publish"]
    resources = [var.topic_arn]
  }

  dynamic "statement" {
    for_each = var.topic_kms_key_arn == null ? [] : [var.topic_kms_key_arn]
    content {
      sid = "UseTopicKey"
      # SNS requires both actions of publishers to a topic with a customer-managed key.
      actions   = ["kms:GenerateDataKey*", "kms:Decrypt"]
      resources = [statement.value]
      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = distinct([for suffix in ["amazonaws.com", local.dns_suffix] : "sns.${var.context.region}.${suffix}"])
      }
    }
  }
}
