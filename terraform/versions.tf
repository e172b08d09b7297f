terraform {
  # The validations refer to other variables, which Terraform and OpenTofu support since 1.9.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # Tested only with 5.100. The configuration avoids what 6.x removed or deprecates, but has not been planned with it.
      version = ">= 5.100, < 7"
    }
  }
}
