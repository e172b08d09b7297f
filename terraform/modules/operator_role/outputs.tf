output "role_arn" {
  description = "What the person on call assumes; null if nobody may."
  value       = one(aws_iam_role.operator[*].arn)
}
