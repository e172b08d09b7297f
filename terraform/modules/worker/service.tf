# The ECS service of the workers. `lifecycle` takes no condition, so there are two: with autoscaling, an apply must not
# take back what autoscaling has set; without it, an apply must set what `tasks.min` says. They differ in their names, so
# that one can start while the other drains.

locals {
  service_name = var.tasks.autoscaling ? local.name : "${local.name}-fixed"
  # Each is silent while the workers work, and each can be caused by a new version: its code, its role, its settings.
  rollback_alarms = ["panics", "starts-refused"]
}

resource "aws_ecs_service" "worker" {
  count = var.tasks.autoscaling ? local.worker_count : 0

  name            = local.service_name
  cluster         = aws_ecs_cluster.workers.id
  task_definition = aws_ecs_task_definition.worker[0].arn
  launch_type     = "FARGATE"
  # Tasks get the tags of the service: those of the provider's default_tags.
  propagate_tags          = "SERVICE"
  enable_ecs_managed_tags = true
  desired_count           = var.tasks.min
  # New tasks start beside the old ones: workers of different versions can run at once.
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  # ECS rolls back a version that does not start.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  # ECS also rolls back a version that starts but cannot do its work, while and shortly after it deploys. An alarm that is
  # on when the deployment begins does not count, so that a fix can be deployed.
  alarms {
    enable      = true
    rollback    = true
    alarm_names = [for alarm in local.rollback_alarms : aws_cloudwatch_metric_alarm.threshold[alarm].alarm_name]
  }
  # The apply waits until the workers run, and fails if they do not: a version without a route to AWS, to its image or
  # with a wrong role would otherwise leave a green apply and no worker.
  wait_for_steady_state = true
  timeouts {
    create = "15m"
    update = "15m"
  }
  # The default, stated explicitly: no shell access to the container. The image has no shell either.
  enable_execute_command = false

  network_configuration {
    subnets          = var.network.subnet_ids
    security_groups  = [aws_security_group.worker[0].id]
    assign_public_ip = var.network.assign_public_ip
  }

  lifecycle {
    # Autoscaling changes it.
    ignore_changes = [desired_count]
  }

  # A worker that starts before its role has its policy fails, and ECS would roll the deployment back.
  depends_on = [aws_iam_role_policy.worker, aws_iam_role_policy.execution]
}

# Without autoscaling: an apply sets the number of workers.
resource "aws_ecs_service" "fixed" {
  count = var.tasks.autoscaling ? 0 : local.worker_count

  name                               = local.service_name
  cluster                            = aws_ecs_cluster.workers.id
  task_definition                    = aws_ecs_task_definition.worker[0].arn
  launch_type                        = "FARGATE"
  propagate_tags                     = "SERVICE"
  enable_ecs_managed_tags            = true
  desired_count                      = var.tasks.min
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }
  alarms {
    enable      = true
    rollback    = true
    alarm_names = [for alarm in local.rollback_alarms : aws_cloudwatch_metric_alarm.threshold[alarm].alarm_name]
  }
  wait_for_steady_state = true
  timeouts {
    create = "15m"
    update = "15m"
  }
  enable_execute_command = false

  network_configuration {
    subnets          = var.network.subnet_ids
    security_groups  = [aws_security_group.worker[0].id]
    assign_public_ip = var.network.assign_public_ip
  }

  # A worker that starts before its role has its policy fails, and ECS would roll the deployment back.
  depends_on = [aws_iam_role_policy.worker, aws_iam_role_policy.execution]
}
