output "json" {
  description = "The policy of the key, for `aws_kms_key.policy`."
  value       = data.aws_iam_policy_document.key.json
}
