# What the contract refuses is refused when it is planned, with the contract's words.

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

run "a_good_project_is_planned" {
  command = plan
  assert {
    condition     = jsondecode(module.registry.documents["demo"]).gitUrl == "https://git.example.org/demo.git"
    error_message = "the document is another one"
  }
  assert {
    condition     = !can(jsondecode(module.registry.documents["demo"]).timeoutMinutes)
    error_message = "a key that was not set is in the document"
  }
}

run "refuses_a_project_name_with_two_dots" {
  command = plan
  variables {
    projects = { "a..b" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_project_name_with_a_hyphen_first" {
  command = plan
  variables {
    projects = { "-demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_project_name_with_a_slash" {
  command = plan
  variables {
    projects = { "a/b" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_project_name_with_an_underscore_first" {
  command = plan
  variables {
    projects = { "_default" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_project_name_with_64_characters" {
  command = plan
  variables {
    projects = { "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_project_name_with_a_letter_with_an_accent" {
  command = plan
  variables {
    projects = { "dé" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_project_name_with_nothing" {
  command = plan
  variables {
    projects = { "" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_in_full" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["refs/heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_without_a_name" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_with_a_hyphen_first" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/-x"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_with_two_dots" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/a..b"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_with_a_star_inside" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/a*b"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_with_two_stars" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["tags/*v*"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_with_a_space" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/a b"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_with_a_reflog" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/a@{1}"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_with_a_dot_first" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/.a"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_that_ends_with_lock" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/a.lock"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_with_a_tilde" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/a~1"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_called_HEAD" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/HEAD"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_ref_that_is_empty" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = [""] } }
  }
  expect_failures = [var.projects]
}

run "refuses_no_ref_at_all" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = [] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_git_url_with_a_password" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://ada:pass@git.example.org/x", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_git_url_with_a_user" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://token@git.example.org/x", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_git_url_to_a_file" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "file:///x", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_git_url_without_tls" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "http://git.example.org/x", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_git_url_with_a_helper" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "ext::sh -c x", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_git_url_that_is_an_option" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "-u", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_git_url_without_a_scheme" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "git.example.org/x", command = ["make"], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_no_command" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_two_commands" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], executable = "make" } }
  }
  expect_failures = [var.projects]
}

run "refuses_an_empty_command" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = [], refs = ["heads/main"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_folder_outside" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], deploy_dir = "../x" } }
  }
  expect_failures = [var.projects]
}

run "refuses_an_absolute_folder" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], deploy_dir = "/x" } }
  }
  expect_failures = [var.projects]
}

run "refuses_commits_that_are_neither" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], commits = "any" } }
  }
  expect_failures = [var.projects]
}

run "refuses_pull_requests_for_all" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], pull_requests = "all" } }
  }
  expect_failures = [var.projects]
}

run "refuses_another_on_unknown_start" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], on_unknown_start = "maybe" } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_timeout_too_short" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], timeout_minutes = 4 } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_timeout_too_long" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], timeout_minutes = 2161 } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_timeout_with_a_part" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], timeout_minutes = 5.5 } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_variable_that_steers_git" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], variables = ["GIT_DIR"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_the_path_as_a_variable" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], variables = ["PATH"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_variable_with_a_star" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], variables = ["A*"] } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_secret_that_is_one" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], git_secret = "correct horse" } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_secret_s_arn_without_its_end" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], git_secret = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:a" } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_secret_s_arn_with_a_star" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], git_secret = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:a*" } }
  }
  expect_failures = [var.projects]
}

run "refuses_one_secret_for_git_and_forge" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], git_secret = "a", report = { url = "https://f.example.org", repo = "r", token_secret = "a" } } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_report_without_tls" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], report = { url = "http://f.example.org", repo = "r", token_secret = "t" } } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_report_to_a_parent" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], report = { url = "https://f.example.org", repo = "../r", token_secret = "t" } } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_report_of_another_type" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], report = { type = "gitea", url = "https://f.example.org", repo = "r", token_secret = "t" } } }
  }
  expect_failures = [var.projects]
}

run "takes_a_report_by_the_plugin" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], report = { type = "pagure-ci", url = "https://f.example.org", repo = "r", token_secret = "t" } } }
  }
}

run "refuses_no_build_at_once" {
  command = plan
  variables {
    projects = { "demo" = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main"], concurrent_builds = 0 } }
  }
  expect_failures = [var.projects]
}

run "refuses_a_document_over_4_kb" {
  command = plan
  module {
    source = "./modules/registry"
  }
  variables {
    context   = { name = "doorbell", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
    prefix    = "/doorbell"
    documents = { demo = join("", [for n in range(1000) : "12345"]) }
  }
  expect_failures = [aws_ssm_parameter.project]
}

run "refuses_a_name_with_capitals" {
  command = plan
  variables {
    name = "Doorbell"
  }
  expect_failures = [var.name]
}

run "refuses_a_name_too_long" {
  command = plan
  variables {
    name = "ddddddddddddddddddddd"
  }
  expect_failures = [var.name]
}

run "refuses_an_account_of_eleven_digits" {
  command = plan
  variables {
    account_id = "11112222333"
  }
  expect_failures = [var.account_id]
}

run "refuses_an_image_by_its_tag" {
  command = plan
  variables {
    images  = { worker = "r/worker:1", build = "r/build:1" }
    network = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"] }
  }
  expect_failures = [var.images]
}

run "refuses_images_without_a_network" {
  command = plan
  variables {
    images = { worker = "r@sha256:${sha256("w")}", build = "r@sha256:${sha256("b")}" }
  }
  expect_failures = [var.network]
}

run "refuses_no_worker" {
  command = plan
  variables {
    tasks = { min = 0 }
  }
  expect_failures = [var.tasks]
}

run "refuses_more_workers_than_there_may_be" {
  command = plan
  variables {
    tasks = { min = 3, max = 2 }
  }
  expect_failures = [var.tasks]
}

run "refuses_an_alias_for_a_key" {
  command = plan
  variables {
    topic_kms_key_arn = "alias/mine"
  }
  expect_failures = [var.topic_kms_key_arn]
}

run "refuses_everybody_as_operator" {
  command = plan
  variables {
    operator_arns = ["*"]
  }
  expect_failures = [var.operator_arns]
}

run "refuses_an_account_as_operator" {
  command = plan
  variables {
    operator_arns = ["arn:aws:iam::111122223333:root"]
  }
  expect_failures = [var.operator_arns]
}

run "refuses_a_registry_in_aws_s_own" {
  command = plan
  variables {
    registry_prefix = "/aws/x"
  }
  expect_failures = [var.registry_prefix]
}

run "refuses_a_registry_that_ends_with_a_slash" {
  command = plan
  variables {
    registry_prefix = "/x/"
  }
  expect_failures = [var.registry_prefix]
}

run "refuses_logs_for_eight_days" {
  command = plan
  variables {
    log_retention_days = 8
  }
  expect_failures = [var.log_retention_days]
}

run "refuses_another_ci" {
  command = plan
  variables {
    publishers = { ci = { ci = "jenkins" } }
  }
  expect_failures = [var.publishers]
}

run "refuses_a_token_without_a_subject" {
  command = plan
  variables {
    publishers = { ci = { ci = "github" } }
  }
  expect_failures = [var.publishers]
}

run "refuses_a_key_with_a_subject" {
  command = plan
  variables {
    publishers = { ci = { ci = "key", subjects = ["x"] } }
  }
  expect_failures = [var.publishers]
}

run "refuses_all_repositories_of_an_organization" {
  command = plan
  variables {
    publishers = { ci = { ci = "github", subjects = ["repo:org/*:ref:refs/heads/main"] } }
  }
  expect_failures = [var.publishers]
}

run "refuses_all_refs_of_a_repository" {
  command = plan
  variables {
    publishers = { ci = { ci = "github", subjects = ["repo:org/r:*"] } }
  }
  expect_failures = [var.publishers]
}

run "refuses_everybody_s_repositories" {
  command = plan
  variables {
    publishers = { ci = { ci = "github", subjects = ["*"] } }
  }
  expect_failures = [var.publishers]
}

run "refuses_all_branches_at_gitlab" {
  command = plan
  variables {
    publishers = { ci = { ci = "gitlab", subjects = ["project_path:g/p:ref_type:branch:ref:*"] } }
  }
  expect_failures = [var.publishers]
}

run "refuses_all_pipelines_at_buildkite" {
  command = plan
  variables {
    publishers = { ci = { ci = "buildkite", subjects = ["organization:o:pipeline:*:ref:refs/heads/main:commit:*:step:*"] } }
  }
  expect_failures = [var.publishers]
}

run "refuses_circleci_without_an_issuer" {
  command = plan
  variables {
    publishers = { ci = { ci = "circleci", subjects = ["org/0a1b2c3d-0000-4000-8000-000000000001/project/0a1b2c3d-0000-4000-8000-000000000002/user/*"] } }
  }
  expect_failures = [var.publishers]
}
