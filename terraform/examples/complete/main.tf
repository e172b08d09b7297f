# An example of every feature: projects with secrets, pull requests and status reports, each type of CI, an operator,
# and a VPC.

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
  region = var.region
}

variable "region" {
  description = "The AWS Region."
  type        = string
  default     = "eu-central-1"
}

variable "account_id" {
  description = "The AWS account's id; without it, Terraform asks AWS."
  type        = string
  default     = null
}

variable "images" {
  description = "The images of the worker and of builds, each with its digest."
  type        = object({ worker = string, build = string })
  default     = null
}

variable "operator_arns" {
  description = "IAM principals that may assume the operator's role."
  type        = list(string)
  default     = []
}

variable "responder_arns" {
  description = "IAM principals that may assume the responder's role."
  type        = list(string)
  default     = []
}

variable "alarm_topic_arns" {
  description = "SNS topics that receive the alarms."
  type        = list(string)
  default     = []
}

variable "autoscaling" {
  description = "Whether the number of workers follows the backlog."
  type        = bool
  default     = true
}

variable "forge_url" {
  description = "The forge that receives status reports."
  type        = string
  default     = "https://pagure.example.org"
}

variable "git_url" {
  description = "The URL of the first project's repository."
  type        = string
  default     = "https://pagure.example.org/demo.git"
}

module "doorbell" {
  # In a copy beside the checkout's directory `terraform`, as in terraform/README.md: "../terraform"
  source = "../.."

  account_id = var.account_id
  images     = var.images
  network = {
    vpc_id           = aws_vpc.workers.id
    subnet_ids       = aws_subnet.workers[*].id
    assign_public_ip = true
  }
  tasks               = { min = 2, max = 6, autoscaling = var.autoscaling }
  alarm_topic_arns    = var.alarm_topic_arns
  log_retention_days  = 400
  deletion_protection = false

  projects = {
    demo = {
      git_url           = var.git_url
      command           = ["./ci.sh", "deploy"]
      refs              = ["heads/main", "tags/v*"]
      commit_policy     = "tip"
      on_unknown_start  = "stop"
      timeout_minutes   = 30
      variables         = ["STAGE"]
      allow_cancel      = true
      announce          = "all"
      concurrent_builds = 2
      report_to         = { url = var.forge_url, repo = "demo", token_secret = "doorbell/report/demo" }
    }
    "shop.web" = {
      git_url       = "https://git.example.org/shop/web.git"
      executable    = "./build.sh"
      refs          = ["heads/main"]
      pull_requests = "unprivileged"
      git_secret    = "doorbell/git/shop.web"
    }
    # Differs from shop.web by one character, and still has its own build project and role.
    "shop-web" = {
      git_url      = "ssh://git@git.example.org/shop/web-old.git"
      command      = ["make", "test"]
      refs         = ["heads/*"]
      deploy_dir   = "old"
      compute_type = "BUILD_GENERAL1_MEDIUM"
      git_secret   = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:doorbell/git/shop-web-AbCdEf"
    }
  }

  publishers = {
    github = { ci = "github", subjects = ["repo:example/shop:ref:refs/heads/main", "repo:example/shop:environment:production"] }
    gitlab = { ci = "gitlab", subjects = ["project_path:example/shop:ref_type:branch:ref:main"] }
    circleci = {
      ci       = "circleci"
      issuer   = "https://oidc.circleci.com/org/0a1b2c3d-0000-4000-8000-000000000001"
      audience = "0a1b2c3d-0000-4000-8000-000000000001"
      subjects = ["org/0a1b2c3d-0000-4000-8000-000000000001/project/0a1b2c3d-0000-4000-8000-000000000002/user/????????????????????????????????????/vcs-origin/github.com/example/shop/vcs-ref/refs/heads/main"]
    }
    bitbucket = {
      ci       = "bitbucket"
      issuer   = "https://api.bitbucket.org/2.0/workspaces/example/pipelines-config/identity/oidc"
      audience = "ari:cloud:bitbucket::workspace/0a1b2c3d-0000-4000-8000-000000000003"
      subjects = ["{0a1b2c3d-0000-4000-8000-000000000004}:{0a1b2c3d-0000-4000-8000-000000000005}:*"]
    }
    buildkite = { ci = "buildkite", subjects = ["organization:example:pipeline:shop:ref:refs/heads/main:commit:*:step:*"] }
    pagure    = { ci = "key" }
  }

  # Another account of the company, and the whole organization, may subscribe to the done events.
  done_events = {
    subscribers = { accounts = ["444455556666"], organization_id = "o-a1b2c3d4e5" }
  }

  unprivileged_concurrent_builds = 2

  operator_arns  = var.operator_arns
  responder_arns = var.responder_arns
}

output "doorbell" {
  description = "All outputs of the module."
  value       = module.doorbell
}

output "environment" {
  description = "Shell commands for `doorbell` and `trigger_job`."
  value       = module.doorbell.environment
}
