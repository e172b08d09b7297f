variable "name" {
  description = "The installation's name, as in the root module."
  type        = string
  default     = "doorbell"
}

variable "region" {
  description = "The Region of the installation."
  type        = string
}

variable "account_id" {
  description = "The AWS account's id."
  type        = string
}
