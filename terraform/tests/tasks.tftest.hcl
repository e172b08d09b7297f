# The number of workers after an apply.

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::111122223333:role/some-role" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:111122223333:task-definition/doorbell-worker:1" }
  }
}

variables {
  context              = { name = "doorbell", partition = "aws", region = "eu-central-1", account_id = "111122223333" }
  image                = "worker@sha256:0000000000000000000000000000000000000000000000000000000000000001"
  network              = { vpc_id = "vpc-1", subnet_ids = ["subnet-1"], assign_public_ip = true }
  egress_ports         = [443]
  log_retention_days   = 365
  alarm_topic_arns     = []
  topic_arn            = "arn:aws:sns:eu-central-1:111122223333:doorbell-requests"
  queue_arns           = { triggers = "arn:t", events = "arn:e", dead-letters = "arn:d" }
  queue_names          = { triggers = "t", events = "e", dead-letters = "d" }
  queue_urls           = { triggers = "https://t", events = "https://e", dead-letters = "https://d" }
  dead_letter_queues   = ["dead-letters"]
  table_name           = "doorbell-jobs"
  table_arn            = "arn:table"
  due_index_arn        = "arn:index"
  registry_prefix      = "/doorbell"
  report_secret_prefix = "doorbell/report/"
  report_secret_arns   = []
  build_project_arns   = { projects = "arn:projects", unprivileged = "arn:unprivileged" }

  unprivileged_log_group = "/doorbell/builds/unprivileged"
}

run "one_fixed_worker_is_applied" {
  module {
    source = "./modules/worker"
  }
  variables {
    tasks = { min = 1, max = 4, autoscaling = false }
  }
  assert {
    condition     = sum(concat(aws_ecs_service.worker[*].desired_count, aws_ecs_service.fixed[*].desired_count)) == 1
    error_message = "expected one worker"
  }
}

run "later_change_of_fixed_workers_is_planned" {
  command = plan
  module {
    source = "./modules/worker"
  }
  variables {
    tasks = { min = 3, max = 4, autoscaling = false }
  }
  assert {
    condition     = sum(concat(aws_ecs_service.worker[*].desired_count, aws_ecs_service.fixed[*].desired_count)) == 3
    error_message = "the plan does not change the number of workers"
  }
  assert {
    condition     = length(aws_appautoscaling_target.worker) == 0
    error_message = "autoscaling is off"
  }
}

run "autoscaled_workers_are_applied" {
  module {
    source = "./modules/worker"
  }
  variables {
    tasks = { min = 1, max = 4, autoscaling = true }
  }
}

run "autoscaled_number_is_kept" {
  command = plan
  module {
    source = "./modules/worker"
  }
  variables {
    tasks = { min = 2, max = 4, autoscaling = true }
  }
  assert {
    condition     = aws_ecs_service.worker[0].desired_count == 1 && aws_appautoscaling_target.worker[0].min_capacity == 2
    error_message = "an apply takes back what autoscaling has set"
  }
}
