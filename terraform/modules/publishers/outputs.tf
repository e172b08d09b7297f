output "principal_arns" {
  description = "ARNs of all publishers, put together from their names."
  value = concat(
    [for name in values(local.role_names) : "arn:${var.context.partition}:iam::${var.context.account_id}:role/${name}"],
    [for name in values(local.user_names) : "arn:${var.context.partition}:iam::${var.context.account_id}:user/${name}"],
  )
}

output "principal_ids" {
  description = "Known when the publishers exist."
  value       = concat(values(aws_iam_role.publisher)[*].unique_id, values(aws_iam_user.publisher)[*].unique_id)
}

output "role_arns" {
  description = "What each CI with OpenID Connect assumes."
  value       = { for name, role in aws_iam_role.publisher : name => role.arn }
}

output "user_names" {
  description = "The users for CIs that only know keys."
  value       = local.user_names
}
