# Scales the workers to the backlog: a target number of queued requests per running worker. Jobs that wait for
# CodeBuild's limits wait in the ledger and do not count.

resource "aws_appautoscaling_target" "worker" {
  count = var.tasks.autoscaling ? local.worker_count : 0

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.workers.name}/${aws_ecs_service.worker[0].name}"
  min_capacity       = var.tasks.min
  max_capacity       = var.tasks.max
}

resource "aws_appautoscaling_policy" "backlog" {
  count = var.tasks.autoscaling ? local.worker_count : 0

  name               = "${local.name}-backlog"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.worker[0].service_namespace
  scalable_dimension = aws_appautoscaling_target.worker[0].scalable_dimension
  resource_id        = aws_appautoscaling_target.worker[0].resource_id

  target_tracking_scaling_policy_configuration {
    # Queued requests per worker. A worker handles hundreds a second, so a longer queue means that it is busy or stuck.
    target_value = 500
    # Seconds. CI traffic arrives in bursts, so scale out fast and scale in slowly.
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    customized_metric_specification {
      metrics {
        id          = "backlog"
        label       = "queued requests"
        return_data = false
        metric_stat {
          stat = "Maximum"
          metric {
            namespace   = "AWS/SQS"
            metric_name = "ApproximateNumberOfMessagesVisible"
            dimensions {
              name  = "QueueName"
              value = var.queue_names["triggers"]
            }
          }
        }
      }
      # Each running task reports its CPU once a minute, so the number of samples is the number of tasks. Container
      # Insights has a metric for this, at a cost.
      metrics {
        id          = "tasks"
        label       = "running workers"
        return_data = false
        metric_stat {
          stat = "SampleCount"
          metric {
            namespace   = "AWS/ECS"
            metric_name = "CPUUtilization"
            dimensions {
              name  = "ClusterName"
              value = aws_ecs_cluster.workers.name
            }
            dimensions {
              name  = "ServiceName"
              value = aws_ecs_service.worker[0].name
            }
          }
        }
      }
      metrics {
        id          = "each"
        label       = "queued requests per worker"
        expression  = "backlog / FILL(tasks, 1)"
        return_data = true
      }
    }
  }
}
