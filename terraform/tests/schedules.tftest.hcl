# Schedules, publishers and worker settings that a plan rejects.

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
  projects   = { demo = { git_url = "https://git.example.org/demo.git", command = ["make"], refs = ["heads/main", "tags/v*"], variables = ["STAGE"] } }
}

run "schedules_of_a_branch_and_a_tag_are_planned" {
  command = plan
  variables {
    schedules = { nightly = { project = "demo", ref = "heads/main", cron = "0 3 * * ? *" }, weekly = { project = "demo", ref = "tags/v1", cron = "5/10 4 ? * SUN *" } }
  }
}

run "schedule_of_unknown_project_is_rejected" {
  command = plan
  variables {
    schedules = { nightly = { project = "other", ref = "main", cron = "0 3 * * ? *" } }
  }
  expect_failures = [var.schedules]
}

run "schedule_of_forbidden_ref_is_rejected" {
  command = plan
  variables {
    schedules = { nightly = { project = "demo", ref = "heads/other", cron = "0 3 * * ? *" } }
  }
  expect_failures = [var.schedules]
}

run "schedule_of_tag_as_branch_is_rejected" {
  command = plan
  variables {
    schedules = { nightly = { project = "demo", ref = "v1", cron = "0 3 * * ? *" } }
  }
  expect_failures = [var.schedules]
}

run "schedule_of_ref_pattern_is_rejected" {
  command = plan
  variables {
    schedules = { nightly = { project = "demo", ref = "tags/v*", cron = "0 3 * * ? *" } }
  }
  expect_failures = [var.schedules]
}

run "schedule_of_every_minute_is_rejected" {
  command = plan
  variables {
    schedules = { nightly = { project = "demo", ref = "main", cron = "* 3 * * ? *" } }
  }
  expect_failures = [var.schedules]
}

run "schedule_with_five_fields_is_rejected" {
  command = plan
  variables {
    schedules = { nightly = { project = "demo", ref = "main", cron = "0 3 * * *" } }
  }
  expect_failures = [var.schedules]
}

run "schedule_with_unlisted_variable_is_rejected" {
  command = plan
  variables {
    schedules = { nightly = { project = "demo", ref = "main", cron = "0 3 * * ? *", variables = { OTHER = "x" } } }
  }
  expect_failures = [var.schedules]
}

run "role_publisher_without_principal_is_rejected" {
  command = plan
  variables {
    publishers = { other = { ci = "role" } }
  }
  expect_failures = [var.publishers]
}

run "key_publisher_with_principal_is_rejected" {
  command = plan
  variables {
    publishers = { other = { ci = "key", principal_arn = "arn:aws:iam::444455556666:role/jenkins" } }
  }
  expect_failures = [var.publishers]
}

run "account_root_as_publisher_is_rejected" {
  command = plan
  variables {
    publishers = { other = { ci = "role", principal_arn = "arn:aws:iam::444455556666:root" } }
  }
  expect_failures = [var.publishers]
}

run "private_forge_without_port_is_rejected" {
  command = plan
  variables {
    worker = { allow_private_forges = ["forge.internal"] }
  }
  expect_failures = [var.worker]
}

run "ca_certificates_with_a_private_key_are_rejected" {
  command = plan
  variables {
    worker = { forge_ca_certificates = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----" }
  }
  expect_failures = [var.worker]
}

run "fraction_of_a_build_is_rejected" {
  command = plan
  variables {
    worker = { max_builds = 2.5 }
  }
  expect_failures = [var.worker]
}

run "proxy_with_a_password_is_rejected" {
  command = plan
  variables {
    worker = { forge_proxy = "http://ada:secret@proxy.internal:3128" }
  }
  expect_failures = [var.worker]
}

run "collector_with_a_token_in_its_address_is_rejected" {
  command = plan
  variables {
    worker = { otlp = { endpoint = "https://collector.internal:4318?key=secret" } }
  }
  expect_failures = [var.worker]
}

run "collector_headers_of_a_part_of_an_arn_are_rejected" {
  command = plan
  variables {
    worker = { otlp = { endpoint = "https://collector.internal", headers_secret_arn = "doorbell/collector" } }
  }
  expect_failures = [var.worker]
}

run "collector_certificates_by_path_are_rejected" {
  command = plan
  variables {
    worker = { otlp = { endpoint = "https://collector.internal", ca_certificates = "/etc/ca.pem" } }
  }
  expect_failures = [var.worker]
}

run "sweep_interval_beyond_the_alarm_is_rejected" {
  command = plan
  variables {
    worker = { sweep_interval = "5m" }
  }
  expect_failures = [var.worker]
}

run "duration_without_unit_is_rejected" {
  command = plan
  variables {
    worker = { queue_timeout = "60" }
  }
  expect_failures = [var.worker]
}

run "egress_of_unknown_protocol_is_rejected" {
  command = plan
  variables {
    worker = { egress = { x = { cidr_ipv4 = "10.0.0.0/8", protocol = "icmp", port = 1 } } }
  }
  expect_failures = [var.worker]
}
