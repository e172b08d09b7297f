# The topic of done events: who may subscribe, and that there is none by default.

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

run "default_has_no_topic_and_no_setting" {
  command = plan
  assert {
    condition     = output.done_topic_arn == null && !contains(keys(output.worker_environment), "DOORBELL_DONE_TOPIC_ARN")
    error_message = "an installation without done_events has a topic of them"
  }
  assert {
    condition     = length(module.done_topic) == 0
    error_message = "an installation without done_events has a topic of them"
  }
}

run "empty_object_makes_topic_for_this_account" {
  command = plan
  variables {
    done_events = {}
  }
  assert {
    condition     = output.worker_environment["DOORBELL_DONE_TOPIC_ARN"] == "arn:aws:sns:eu-central-1:111122223333:doorbell-done"
    error_message = "the worker does not know the topic"
  }
  assert {
    condition     = output.done_topic_arn == output.worker_environment["DOORBELL_DONE_TOPIC_ARN"]
    error_message = "worker and subscribers have different topics"
  }
}

run "every_account_is_rejected" {
  command = plan
  variables {
    done_events = { subscribers = { accounts = ["*"] } }
  }
  expect_failures = [var.done_events]
}

run "account_of_thirteen_digits_is_rejected" {
  command = plan
  variables {
    done_events = { subscribers = { accounts = ["111122223333", "4444555566667"] } }
  }
  expect_failures = [var.done_events]
}

run "arn_in_place_of_an_account_is_rejected" {
  command = plan
  variables {
    done_events = { subscribers = { accounts = ["arn:aws:iam::444455556666:root"] } }
  }
  expect_failures = [var.done_events]
}

run "every_organization_is_rejected" {
  command = plan
  variables {
    done_events = { subscribers = { organization_id = "o-*" } }
  }
  expect_failures = [var.done_events]
}

run "organizational_unit_is_rejected" {
  command = plan
  variables {
    done_events = { subscribers = { organization_id = "ou-a1b2-c3d4e5f6" } }
  }
  expect_failures = [var.done_events]
}
