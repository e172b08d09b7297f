# The smallest example: one project and one CI, in an existing VPC.

terraform {
  required_version = ">= 1.9"

  # Without a backend the state is a file in this directory: for a team, keep it in S3. The bucket must exist.
  # backend "s3" {
  #   bucket       = "example-terraform-state"
  #   key          = "doorbell.tfstate"
  #   region       = "eu-central-1"
  #   use_lockfile = true # Terraform 1.10 or newer; before: dynamodb_table
  #   encrypt      = true
  # }

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

provider "aws" {
  region = "eu-central-1"
}

variable "images" {
  description = "The images of the worker and of builds, each with its digest."
  type        = object({ worker = string, build = string })
  default     = null
}

variable "account_id" {
  description = "The AWS account's id; without it, Terraform asks AWS."
  type        = string
  default     = null
}

variable "network" {
  description = "A VPC and its public subnets."
  type        = object({ vpc_id = string, subnet_ids = list(string) })
  default     = null
}

module "doorbell" {
  # In a copy beside the checkout's directory `terraform`, as in terraform/README.md: "../terraform"
  source = "../.."

  account_id = var.account_id
  images     = var.images
  # Not `merge(var.network, ...)`: for null it has another type than the module's input.
  network = try({ vpc_id = var.network.vpc_id, subnet_ids = var.network.subnet_ids, assign_public_ip = true }, null)

  projects = {
    # A public sample: replace it with your repository, its command and its refs.
    demo = {
      git_url = "https://github.com/octocat/Hello-World.git"
      command = ["cat", "README"]
      refs    = ["heads/master"]
      # report_to = { type = "pagure", url = "https://pagure.example.org", repo = "demo", token_secret = "doorbell/report/demo" }
    }
  }
  publishers = {
    github = { ci = "github", subjects = ["repo:example/demo:ref:refs/heads/main"] }
  }
}

output "doorbell" {
  description = "All outputs of the module."
  value       = module.doorbell
}

output "environment" {
  description = "Shell commands for `doorbell` and `trigger_job`."
  value       = module.doorbell.environment
}
