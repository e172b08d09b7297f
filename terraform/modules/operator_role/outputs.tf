output "role_arn" {
  description = "The ARN of the role; null without principals."
  value       = one(aws_iam_role.operator[*].arn)
}

output "responder_role_arn" {
  description = "The ARN of the responder's role; null without principals."
  value       = one(aws_iam_role.responder[*].arn)
}
