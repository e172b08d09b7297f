terraform {
  # 1.9: a variable's validation may look at other variables. OpenTofu has it from 1.9, too.
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # Tested with 5.100 and nothing else. For 6.x change this, run bin/test --only terraform, and read what differs.
      version = "~> 5.100"
    }
  }
}
