# Tests of the input validation: a plan rejects what the contract of publisher/messages rejects.

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

run "valid_project_is_planned" {
  command = plan
  assert {
    condition     = jsondecode(module.registry.documents["demo"]).gitUrl == "https://git.example.org/demo.git"
    error_message = "unexpected gitUrl in the document"
  }
  assert {
    condition     = !can(jsondecode(module.registry.documents["demo"]).timeoutMinutes)
    error_message = "the document contains a key that was not set"
  }
}

run "document_of_full_project_has_registry_keys" {
  command = plan
  variables {
    projects = {
      demo = {
        git_url          = "https://git.example.org/demo.git"
        command          = ["make"]
        deploy_dir       = "sub"
        refs             = ["heads/main"]
        commit_policy    = "tip"
        pull_requests    = "unprivileged"
        on_unknown_start = "stop"
        timeout_minutes  = 30
        order            = "newest"
        announce         = "all"
        allow_older      = true
        checkout         = { tags = true }
        variables        = ["STAGE", "VERSION"]
        variable_rules   = { VERSION = { pattern = "v[0-9.]+", max_length = 20 } }
        allow_cancel     = true
        git_secret       = "doorbell/git/demo"
        report_to        = { url = "https://f.example.org", repo = "r", token_secret = "doorbell/report/t", username = "u" }
      }
    }
  }
  assert {
    condition = keys(jsondecode(module.registry.documents["demo"])) == [
      "allowCancel", "allowOlder", "announce", "buildProject", "checkout", "command", "commitPolicy", "deployDir", "gitCredentials", "gitUrl",
      "onUnknownStart", "order", "pinned", "pullRequests", "refs", "reportTo", "timeoutMinutes", "unprivilegedBuildProject",
      "variables",
    ]
    error_message = "the document has other keys: ${join(", ", keys(jsondecode(module.registry.documents["demo"])))}"
  }
  assert {
    condition     = keys(jsondecode(module.registry.documents["demo"]).reportTo) == ["repo", "tokenSecret", "type", "url", "username"]
    error_message = "reportTo has other keys"
  }
  assert {
    condition     = jsonencode(jsondecode(module.registry.documents["demo"]).variables) == jsonencode(["STAGE", { maxLength = 20, name = "VERSION", pattern = "v[0-9.]+" }])
    error_message = "unexpected variables: ${jsonencode(jsondecode(module.registry.documents["demo"]).variables)}"
  }
}

run "project_name_with_two_dots_is_rejected" {
  command = plan
  variables {
    projects = { "a..b" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "project_name_with_leading_hyphen_is_rejected" {
  command = plan
  variables {
    projects = { "-demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "project_name_with_slash_is_rejected" {
  command = plan
  variables {
    projects = { "a/b" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "project_name_with_leading_underscore_is_rejected" {
  command = plan
  variables {
    projects = { "_default" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "project_name_of_64_characters_is_rejected" {
  command = plan
  variables {
    projects = { "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "project_name_with_accented_letter_is_rejected" {
  command = plan
  variables {
    projects = { "dé" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "empty_project_name_is_rejected" {
  command = plan
  variables {
    projects = { "" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "ref_with_refs_prefix_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["refs/heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "ref_without_name_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/"] } }
  }
  expect_failures = [var.projects]
}

run "ref_with_leading_hyphen_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/-x"] } }
  }
  expect_failures = [var.projects]
}

run "ref_with_two_dots_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/a..b"] } }
  }
  expect_failures = [var.projects]
}

run "ref_with_inner_star_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/a*b"] } }
  }
  expect_failures = [var.projects]
}

run "ref_with_two_stars_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["tags/*v*"] } }
  }
  expect_failures = [var.projects]
}

run "ref_with_space_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/a b"] } }
  }
  expect_failures = [var.projects]
}

run "ref_with_reflog_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/a@{1}"] } }
  }
  expect_failures = [var.projects]
}

run "ref_with_leading_dot_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/.a"] } }
  }
  expect_failures = [var.projects]
}

run "ref_with_lock_suffix_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/a.lock"] } }
  }
  expect_failures = [var.projects]
}

run "ref_with_tilde_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/a~1"] } }
  }
  expect_failures = [var.projects]
}

run "ref_named_HEAD_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/HEAD"] } }
  }
  expect_failures = [var.projects]
}

run "empty_ref_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = [""] } }
  }
  expect_failures = [var.projects]
}

run "empty_refs_are_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = [] } }
  }
  expect_failures = [var.projects]
}

run "git_url_with_password_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://ada:pass@git.example.org/x", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "git_url_with_user_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://token@git.example.org/x", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "git_url_of_file_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "file:///x", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "git_url_without_tls_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "http://git.example.org/x", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "git_url_with_remote_helper_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "ext::sh -c x", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "git_url_that_is_an_option_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "-u", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "git_url_without_scheme_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "git.example.org/x", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "project_without_command_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "command_and_executable_together_are_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], executable = "make" } }
  }
  expect_failures = [var.projects]
}

run "empty_command_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = [], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "deploy_dir_outside_checkout_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], deploy_dir = "../x" } }
  }
  expect_failures = [var.projects]
}

run "absolute_deploy_dir_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], deploy_dir = "/x" } }
  }
  expect_failures = [var.projects]
}

run "unknown_commit_policy_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], commit_policy = "any" } }
  }
  expect_failures = [var.projects]
}

run "unknown_pull_requests_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], pull_requests = "all" } }
  }
  expect_failures = [var.projects]
}

run "unknown_on_unknown_start_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], on_unknown_start = "maybe" } }
  }
  expect_failures = [var.projects]
}

run "timeout_below_minimum_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], timeout_minutes = 4 } }
  }
  expect_failures = [var.projects]
}

run "timeout_above_maximum_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], timeout_minutes = 2161 } }
  }
  expect_failures = [var.projects]
}

run "fractional_timeout_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], timeout_minutes = 5.5 } }
  }
  expect_failures = [var.projects]
}

run "zero_jobs_per_hour_are_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], max_jobs_per_hour = 0 } }
  }
  expect_failures = [var.projects]
}

run "too_many_jobs_per_hour_are_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], max_jobs_per_hour = 1001 } }
  }
  expect_failures = [var.projects]
}

run "git_variable_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], variables = ["GIT_DIR"] } }
  }
  expect_failures = [var.projects]
}

run "path_variable_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], variables = ["PATH"] } }
  }
  expect_failures = [var.projects]
}

run "variable_with_star_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], variables = ["A*"] } }
  }
  expect_failures = [var.projects]
}

run "variable_listed_twice_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], variables = ["STAGE", "STAGE"] } }
  }
  expect_failures = [var.projects]
}

run "rule_of_unlisted_variable_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], variables = ["STAGE"], variable_rules = { STAG = { pattern = "x" } } } }
  }
  expect_failures = [var.projects]
}

run "rule_of_4097_characters_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], variables = ["STAGE"], variable_rules = { STAGE = { max_length = 4097 } } } }
  }
  expect_failures = [var.projects]
}

run "rule_of_no_character_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], variables = ["STAGE"], variable_rules = { STAGE = { max_length = 0 } } } }
  }
  expect_failures = [var.projects]
}

run "unknown_announce_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], announce = "always" } }
  }
  expect_failures = [var.projects]
}

run "unknown_order_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], order = "oldest" } }
  }
  expect_failures = [var.projects]
}

run "checkout_of_negative_depth_is_rejected" {
  command = plan
  variables {
    projects = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], checkout = { depth = -1 } } }
  }
  expect_failures = [var.projects]
}

run "secret_value_as_name_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], git_secret = "correct horse" } }
  }
  expect_failures = [var.projects]
}

run "secret_arn_without_suffix_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], git_secret = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:a" } }
  }
  expect_failures = [var.projects]
}

run "secret_arn_with_star_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], git_secret = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:a*" } }
  }
  expect_failures = [var.projects]
}

run "shared_git_and_report_secret_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], git_secret = "a", report_to = { url = "https://f.example.org", repo = "r", token_secret = "a" } } }
  }
  expect_failures = [var.projects]
}

run "report_url_without_tls_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], report_to = { url = "http://f.example.org", repo = "r", token_secret = "doorbell/report/t" } } }
  }
  expect_failures = [var.projects]
}

run "report_repo_with_parent_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], report_to = { url = "https://f.example.org", repo = "../r", token_secret = "doorbell/report/t" } } }
  }
  expect_failures = [var.projects]
}

run "unknown_report_type_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], report_to = { type = "gitea", url = "https://f.example.org", repo = "r", token_secret = "doorbell/report/t" } } }
  }
  expect_failures = [var.projects]
}

run "report_by_pagure_plugin_is_planned" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], report_to = { type = "pagure-ci", url = "https://f.example.org", repo = "r", token_secret = "doorbell/report/t" } } }
  }
}

run "zero_concurrent_builds_are_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], concurrent_builds = 0 } }
  }
  expect_failures = [var.projects]
}

run "document_over_4_kib_is_rejected" {
  command = plan
  module {
    source = "./modules/registry"
  }
  variables {
    prefix    = "/doorbell"
    documents = { demo = join("", [for n in range(1000) : "12345"]) }
  }
  expect_failures = [aws_ssm_parameter.project]
}

run "name_with_capitals_is_rejected" {
  command = plan
  variables {
    name = "Doorbell"
  }
  expect_failures = [var.name]
}

run "name_of_21_characters_is_rejected" {
  command = plan
  variables {
    name = "ddddddddddddddddddddd"
  }
  expect_failures = [var.name]
}

run "account_id_of_11_digits_is_rejected" {
  command = plan
  variables {
    account_id = "11112222333"
  }
  expect_failures = [var.account_id]
}

run "image_with_tag_is_rejected" {
  command = plan
  variables {
    images  = { worker = "r/worker:1", build = "r/build:1" }
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"] }
  }
  expect_failures = [var.images]
}

run "images_without_network_are_rejected" {
  command = plan
  variables {
    images = { worker = "r@sha256:${sha256("w")}", build = "r@sha256:${sha256("b")}" }
  }
  expect_failures = [var.network]
}

run "zero_workers_are_rejected" {
  command = plan
  variables {
    tasks = { min = 0 }
  }
  expect_failures = [var.tasks]
}

run "min_tasks_above_max_is_rejected" {
  command = plan
  variables {
    tasks = { min = 3, max = 2 }
  }
  expect_failures = [var.tasks]
}

run "kms_alias_is_rejected" {
  command = plan
  variables {
    topic_kms_key_arn = "alias/mine"
  }
  expect_failures = [var.topic_kms_key_arn]
}

run "star_as_operator_is_rejected" {
  command = plan
  variables {
    operator_arns = ["*"]
  }
  expect_failures = [var.operator_arns]
}

run "account_root_as_operator_is_rejected" {
  command = plan
  variables {
    operator_arns = ["arn:aws:iam::111122223333:root"]
  }
  expect_failures = [var.operator_arns]
}

run "registry_prefix_of_aws_is_rejected" {
  command = plan
  variables {
    registry_prefix = "/aws/x"
  }
  expect_failures = [var.registry_prefix]
}

run "registry_prefix_with_trailing_slash_is_rejected" {
  command = plan
  variables {
    registry_prefix = "/x/"
  }
  expect_failures = [var.registry_prefix]
}

run "log_retention_of_8_days_is_rejected" {
  command = plan
  variables {
    log_retention_days = 8
  }
  expect_failures = [var.log_retention_days]
}

run "unknown_ci_is_rejected" {
  command = plan
  variables {
    publishers = { ci = { ci = "jenkins" } }
  }
  expect_failures = [var.publishers]
}

run "oidc_publisher_without_subject_is_rejected" {
  command = plan
  variables {
    publishers = { ci = { ci = "github" } }
  }
  expect_failures = [var.publishers]
}

run "key_publisher_with_subject_is_rejected" {
  command = plan
  variables {
    publishers = { ci = { ci = "key", subjects = ["x"] } }
  }
  expect_failures = [var.publishers]
}

run "subject_for_all_repositories_is_rejected" {
  command = plan
  variables {
    publishers = { ci = { ci = "github", subjects = ["repo:org/*:ref:refs/heads/main"] } }
  }
  expect_failures = [var.publishers]
}

run "report_secret_of_another_prefix_is_rejected" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], report_to = { url = "https://f.example.org", repo = "r", token_secret = "tokens/r" } } }
  }
  expect_failures = [var.projects]
}

run "name_with_two_hyphens_is_rejected" {
  command = plan
  variables {
    name = "door--bell"
  }
  expect_failures = [var.name]
}

run "subject_for_all_refs_is_rejected" {
  command = plan
  variables {
    publishers = { ci = { ci = "github", subjects = ["repo:org/r:*"] } }
  }
  expect_failures = [var.publishers]
}

run "subject_star_is_rejected" {
  command = plan
  variables {
    publishers = { ci = { ci = "github", subjects = ["*"] } }
  }
  expect_failures = [var.publishers]
}

run "gitlab_subject_for_all_branches_is_rejected" {
  command = plan
  variables {
    publishers = { ci = { ci = "gitlab", subjects = ["project_path:g/p:ref_type:branch:ref:*"] } }
  }
  expect_failures = [var.publishers]
}

run "buildkite_subject_for_all_pipelines_is_rejected" {
  command = plan
  variables {
    publishers = { ci = { ci = "buildkite", subjects = ["organization:o:pipeline:*:ref:refs/heads/main:commit:*:step:*"] } }
  }
  expect_failures = [var.publishers]
}

run "circleci_subject_with_a_ref_is_accepted" {
  command = plan
  variables {
    publishers = { ci = { ci = "circleci", issuer = "https://oidc.circleci.com/org/0a1b2c3d-0000-4000-8000-000000000001", audience = "0a1b2c3d-0000-4000-8000-000000000001", subjects = ["org/0a1b2c3d-0000-4000-8000-000000000001/project/0a1b2c3d-0000-4000-8000-000000000002/user/????????????????????????????????????/vcs-origin/github.com/example/shop/vcs-ref/refs/heads/main"] } }
  }
}

run "circleci_subject_with_any_user_before_a_ref_is_rejected" {
  command = plan
  variables {
    publishers = { ci = { ci = "circleci", issuer = "https://oidc.circleci.com/org/0a1b2c3d-0000-4000-8000-000000000001", audience = "0a1b2c3d-0000-4000-8000-000000000001", subjects = ["org/0a1b2c3d-0000-4000-8000-000000000001/project/0a1b2c3d-0000-4000-8000-000000000002/user/*/vcs-origin/github.com/example/shop/vcs-ref/refs/heads/main"] } }
  }
  expect_failures = [var.publishers]
}

run "circleci_subject_with_any_ref_is_rejected" {
  command = plan
  variables {
    publishers = { ci = { ci = "circleci", issuer = "https://oidc.circleci.com/org/0a1b2c3d-0000-4000-8000-000000000001", audience = "0a1b2c3d-0000-4000-8000-000000000001", subjects = ["org/0a1b2c3d-0000-4000-8000-000000000001/project/0a1b2c3d-0000-4000-8000-000000000002/user/????????????????????????????????????/vcs-origin/github.com/example/shop/vcs-ref/refs/heads/*"] } }
  }
  expect_failures = [var.publishers]
}

run "circleci_without_issuer_is_rejected" {
  command = plan
  variables {
    publishers = { ci = { ci = "circleci", subjects = ["org/0a1b2c3d-0000-4000-8000-000000000001/project/0a1b2c3d-0000-4000-8000-000000000002/user/*"] } }
  }
  expect_failures = [var.publishers]
}
