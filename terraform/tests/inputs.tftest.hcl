# Inputs that AWS would reject only in the apply.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  account_id = "111122223333"
  projects   = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
}

run "name_that_ssm_reserves_is_rejected" {
  command = plan
  variables {
    name = "aws-ci"
  }
  expect_failures = [var.name]
}

run "name_with_ssm_prefix_is_rejected" {
  command = plan
  variables {
    name = "ssm-x"
  }
  expect_failures = [var.name]
}

run "reserved_name_with_other_prefix_is_planned" {
  command = plan
  variables {
    name            = "aws-ci"
    registry_prefix = "/ci"
  }
}

run "command_with_two_braces_is_rejected" {
  command = plan
  module {
    source = "./modules/registry"
  }
  variables {
    prefix    = "/doorbell"
    documents = { demo = jsonencode({ command = ["docker", "inspect", "--format", "{{.Id}}"] }) }
  }
  expect_failures = [aws_ssm_parameter.project]
}

run "zero_unprivileged_builds_are_rejected" {
  command = plan
  variables {
    unprivileged_concurrent_builds = 0
  }
  expect_failures = [var.unprivileged_concurrent_builds]
}

run "fractional_concurrent_builds_are_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], concurrent_builds = 1.5 } }
  }
  expect_failures = [var.projects]
}

run "role_path_without_trailing_slash_is_rejected" {
  command = plan
  variables {
    organization = { role_path = "/ci" }
  }
  expect_failures = [var.organization]
}

run "boundary_that_is_no_policy_is_rejected" {
  command = plan
  variables {
    organization = { permissions_boundary_arn = "arn:aws:iam::111122223333:role/boundary" }
  }
  expect_failures = [var.organization]
}

run "organization_key_alias_is_rejected" {
  command = plan
  variables {
    organization = { kms_key_arn = "alias/mine" }
  }
  expect_failures = [var.organization]
}
