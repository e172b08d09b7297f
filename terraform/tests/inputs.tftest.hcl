# Inputs that AWS would reject only in the apply.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
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
