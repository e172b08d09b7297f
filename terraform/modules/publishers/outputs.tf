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
