variable "responder_arns" {
  description = "IAM principals that may assume the responder's role. It pauses the workers, returns them to an earlier version, and cancels and reruns jobs. Without principals, Terraform creates no such role."
  type        = list(string)
  default     = []
  nullable    = false
  validation {
    condition     = alltrue([for arn in var.responder_arns : can(regex("^arn:[a-z-]+:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "responder_arns must be complete ARNs of roles or users, without an account's root and without *."
  }
}
