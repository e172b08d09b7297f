terraform {
  # The validations refer to other variables, which Terraform and OpenTofu support since 1.9.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # Tested only with 5.100. For 6.x, change this, run bin/test --only terraform, and read the differences.
      version = "~> 5.100"
    }
  }
}
