output "principal_arns" {
  description = "The ARNs of all publishers."
  value = concat(
    [for name in values(local.role_names) : "arn:${var.context.partition}:iam::${var.context.account_id}:role${var.organization.role_path}${name}"],
    [for name in values(local.user_names) : "arn:${var.context.partition}:iam::${var.context.account_id}:user${var.organization.role_path}${name}"],
  )
}

output "principal_ids" {
  description = "The unique ids of all publishers, known once they exist."
  value       = concat(values(aws_iam_role.publisher)[*].unique_id, values(aws_iam_role.assumed)[*].unique_id, values(aws_iam_user.publisher)[*].unique_id)
}

output "role_arns" {
  description = "The role that each CI with OpenID Connect, and each principal with ci = role, assumes."
  value       = { for name, role in merge(aws_iam_role.publisher, aws_iam_role.assumed) : name => role.arn }
}

output "user_names" {
  description = "The users of publishers with an access key."
  value       = local.user_names
}

output "publish_policy" {
  description = "The policy that permits publishing, and nothing else."
  value       = data.aws_iam_policy_document.publish.json
}
