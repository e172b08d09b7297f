# Settings of single projects' builds that a plan rejects.

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
}

run "build_image_with_tag_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], image = "r/build:1" } }
  }
  expect_failures = [var.projects]
}

run "arm64_without_image_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], architecture = "arm64" } }
  }
  expect_failures = [var.projects]
}

run "unknown_architecture_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], architecture = "riscv64", image = "r@sha256:${sha256("x")}" } }
  }
  expect_failures = [var.projects]
}

run "relative_cache_path_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], cache = { paths = ["node_modules/**/*"] } } }
  }
  expect_failures = [var.projects]
}

run "cache_without_paths_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], cache = { paths = [] } } }
  }
  expect_failures = [var.projects]
}

run "absolute_report_path_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], reports = ["/etc/*"] } }
  }
  expect_failures = [var.projects]
}

run "artifact_outside_checkout_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], artifacts = { bucket = "example", paths = ["../x"] } } }
  }
  expect_failures = [var.projects]
}

run "artifacts_without_paths_are_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], artifacts = { bucket = "example", paths = [] } } }
  }
  expect_failures = [var.projects]
}

run "bucket_with_path_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], artifacts = { bucket = "example/x", paths = ["dist/*"] } } }
  }
  expect_failures = [var.projects]
}

run "build_network_without_subnets_is_rejected" {
  command = plan
  variables {
    build_network = { vpc_id = "vpc-1", subnet_ids = [], security_group_ids = ["sg-1"] }
  }
  expect_failures = [var.build_network]
}
