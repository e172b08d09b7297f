# The workers: tasks on Fargate that call out and are called by nobody.

locals {
  worker_count = var.image == null ? 0 : 1
  name         = "${var.context.name}-worker"
}

resource "aws_ecs_cluster" "workers" {
  name = var.context.name

  # Container Insights costs by the metric; the worker's own metrics, and AWS's free ones, answer the runbook's questions.
  setting {
    name  = "containerInsights"
    value = "disabled"
  }
}

resource "aws_cloudwatch_log_group" "worker" {
  name              = "/${var.context.name}/worker"
  retention_in_days = var.log_retention_days
}

resource "aws_ecs_task_definition" "worker" {
  count = local.worker_count

  family                   = local.name
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  # The smallest that Fargate has: a worker idles at 12 MB and carries thousands of requests a second on one thread.
  cpu    = 256
  memory = 512
  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "X86_64"
  }
  # Two roles: what starts the container (image, log), and what runs in it.
  execution_role_arn = aws_iam_role.execution.arn
  task_role_arn      = aws_iam_role.worker.arn

  container_definitions = jsonencode([{
    name      = "worker"
    image     = var.image
    essential = true
    # The image says so, too.
    user                   = "65532:65532"
    readonlyRootFilesystem = true
    linuxParameters = {
      capabilities       = { drop = ["ALL"] }
      initProcessEnabled = false
    }
    # Seconds from TERM to KILL. The worker drains for at most 9.
    stopTimeout = 30
    # Whether the process lives. An outage of AWS makes it unready, not dead: killing it would not help.
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
        # A log that is slow to be taken must not stop the work.
        mode            = "non-blocking"
        max-buffer-size = "4m"
      }
    }
  }])
}

locals {
  worker_environment = {
    AWS_REGION                 = var.context.region
    DOORBELL_DLQ_URL           = var.queue_urls["dead-letters"]
    DOORBELL_EVENT_QUEUE_URL   = var.queue_urls["events"]
    DOORBELL_LOG_FORMAT        = "json"
    DOORBELL_REGISTRY_PREFIX   = var.registry_prefix
    DOORBELL_TABLE             = var.table_name
    DOORBELL_TOPIC_ARN         = var.topic_arn
    DOORBELL_TRIGGER_QUEUE_URL = var.queue_urls["triggers"]
  }
}

resource "aws_ecs_service" "worker" {
  count = local.worker_count

  name            = local.name
  cluster         = aws_ecs_cluster.workers.id
  task_definition = aws_ecs_task_definition.worker[0].arn
  launch_type     = "FARGATE"
  desired_count   = var.tasks.min
  # A new version starts beside the old: any number of workers may run at once, of different versions, too.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  # A version that does not come up is taken back.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  # No shell in the container, for nobody (the default, said aloud). The image has none anyway.
  enable_execute_command = false

  network_configuration {
    subnets          = var.network.subnet_ids
    security_groups  = [aws_security_group.worker[0].id]
    assign_public_ip = var.network.assign_public_ip
  }

  lifecycle {
    # Autoscaling changes it. Where that is off, so may a person.
    ignore_changes = [desired_count]
  }

  # A worker that starts before its role has its rights would count as a failed deployment.
  depends_on = [aws_iam_role_policy.worker, aws_iam_role_policy.execution]
}

resource "aws_security_group" "worker" {
  count = local.worker_count

  name        = local.name
  description = "Doorbell's workers: calls out, none in"
  vpc_id      = var.network.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "worker" {
  for_each = { for port in var.egress_ports : tostring(port) => port if local.worker_count == 1 }

  security_group_id = aws_security_group.worker[0].id
  description       = "AWS and forges"
  # AWS's and the forges' addresses are not ours to know; the worker itself refuses private ones for forges.
  cidr_ipv4   = "0.0.0.0/0"
  ip_protocol = "tcp"
  from_port   = each.value
  to_port     = each.value
}
