# The workers: Fargate tasks, which accept no connections. Their service is in service.tf.

locals {
  worker_count = var.image == null ? 0 : 1
  name         = "${var.context.name}-worker"
}

resource "aws_ecs_cluster" "workers" {
  name = var.context.name

  # Container Insights costs per metric. The worker's own metrics and AWS's free ones suffice for the runbook.
  setting {
    name  = "containerInsights"
    value = "disabled"
  }
}

resource "aws_cloudwatch_log_group" "worker" {
  name              = "/${var.context.name}/worker"
  retention_in_days = var.log_retention_days
  skip_destroy      = var.keep_logs
  kms_key_id        = var.organization.kms_key_arn
}

resource "aws_ecs_task_definition" "worker" {
  count = local.worker_count

  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  # Fargate's minimum. A worker needs 12 MB when idle, and handles thousands of requests a second on one thread.
  cpu    = 256
  memory = 512
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
  # The execution role starts the container (image, log); the worker runs with the task role.
  execution_role_arn = aws_iam_role.execution.arn
  task_role_arn      = aws_iam_role.worker.arn

  container_definitions = jsonencode([merge(local.container_secrets, {
    name      = "worker"
    image     = var.image
    essential = true
    # As in the image.
    user                   = "65532:65532"
    readonlyRootFilesystem = true
    linuxParameters = {
      capabilities       = { drop = ["ALL"] }
      initProcessEnabled = false
    }
    # Seconds from SIGTERM to SIGKILL. The worker drains for at most 9 s.
    stopTimeout = 30
    # Checks that the process is alive. During an AWS outage the worker is unready but healthy, because a restart would
    # not help.
    healthCheck = {
      command     = ["CMD", "/worker", "health"]
      interval    = 30
      timeout     = 10
      retries     = 3
      startPeriod = 30
    }
    environment = [for name, value in local.worker_environment : { name = name, value = value }]
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.worker.name
        awslogs-region        = var.context.region
        awslogs-stream-prefix = "worker"
        # Slow log delivery must not block the worker.
        mode            = "non-blocking"
        max-buffer-size = "4m"
      }
    }
  })])
}

locals {
  worker_environment = merge(local.set_variables, {
    AWS_REGION                 = var.context.region
    DOORBELL_DLQ_URL           = var.queue_urls["dead-letters"]
    DOORBELL_EVENT_QUEUE_URL   = var.queue_urls["events"]
    DOORBELL_LOG_FORMAT        = "json"
    DOORBELL_REGISTRY_PREFIX   = var.registry_prefix
    DOORBELL_TABLE             = var.table_name
    DOORBELL_TOPIC_ARN         = var.topic_arn
    DOORBELL_TRIGGER_QUEUE_URL = var.queue_urls["triggers"]
  })
  # ECS reads the secret with the execution role and sets the variable: its value is in no plan, state or definition.
  container_secrets = local.otlp_secret_arn == null ? null : {
    secrets = [{ name = "OTEL_EXPORTER_OTLP_HEADERS", valueFrom = local.otlp_secret_arn }]
  }
  otlp_secret_arn = try(var.settings.otlp.headers_secret_arn, null)
  # Values are percent-encoded; urlencode() writes a space as in forms.
  otlp_attributes = [for name, value in try(var.settings.otlp.resource_attributes, {}) : "${name}=${replace(urlencode(value), "+", "%20")}"]
  # Only what the owner has set or asked for: the worker has its own defaults.
  set_variables = {
    for name, value in {
      DOORBELL_ALLOW_PRIVATE_FORGES = length(var.settings.allow_private_forges) == 0 ? null : join(",", var.settings.allow_private_forges)
      DOORBELL_BUILD_POLL_INTERVAL  = var.settings.build_poll_interval
      # For documents that name no build project, as those of iwomp-in-aws.
      DOORBELL_DEFAULT_BUILD_PROJECT = var.shared_build_project
      DOORBELL_DONE_TOPIC_ARN        = var.done_topic_arn
      DOORBELL_FORGE_CA_CERTIFICATES = var.settings.forge_ca_certificates
      DOORBELL_FORGE_PROXY           = var.settings.forge_proxy
      DOORBELL_LOG                   = var.settings.log
      DOORBELL_MAX_BUILDS            = var.settings.max_builds == null ? null : tostring(var.settings.max_builds)
      DOORBELL_MAX_IN_FLIGHT         = var.settings.max_in_flight == null ? null : tostring(var.settings.max_in_flight)
      DOORBELL_MAX_REQUEST_AGE       = var.settings.max_request_age
      DOORBELL_QUEUE_TIMEOUT         = var.settings.queue_timeout
      DOORBELL_SWEEP_INTERVAL        = var.settings.sweep_interval
      OTEL_EXPORTER_OTLP_CERTIFICATE = try(var.settings.otlp.ca_certificates, null)
      OTEL_EXPORTER_OTLP_ENDPOINT    = try(var.settings.otlp.endpoint, null)
      OTEL_RESOURCE_ATTRIBUTES       = length(local.otlp_attributes) == 0 ? null : join(",", local.otlp_attributes)
    } : name => value if value != null
  }
}

resource "aws_security_group" "worker" {
  count = local.worker_count

  name        = local.name
  description = "Doorbell workers: outbound only"
  vpc_id      = var.network.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "worker" {
  for_each = { for port in var.egress_ports : tostring(port) => port if local.worker_count == 1 }

  security_group_id = aws_security_group.worker[0].id
  description       = "AWS and forges"
  # The addresses of AWS and the forges are not fixed. The worker rejects private addresses of forges.
  cidr_ipv4   = "0.0.0.0/0"
  ip_protocol = "tcp"
  from_port   = each.value
  to_port     = each.value
}

resource "aws_vpc_security_group_egress_rule" "additional" {
  for_each = local.worker_count == 1 ? var.settings.egress : {}

  security_group_id = aws_security_group.worker[0].id
  description       = each.key
  cidr_ipv4         = each.value.cidr_ipv4
  ip_protocol       = each.value.protocol
  from_port         = each.value.port
  to_port           = each.value.port
}
