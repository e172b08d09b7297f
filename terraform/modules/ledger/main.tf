# The table of jobs, the only truth that workers share, and its sparse index of rows that somebody must look at.

locals {
  table_name = "${var.context.name}-jobs"
  index_name = "due"
  table_arn  = "arn:${var.context.partition}:dynamodb:${var.context.region}:${var.context.account_id}:table/${local.table_name}"
}

resource "aws_dynamodb_table" "jobs" {
  name = local.table_name
  # A CI's traffic comes in bursts and mostly not at all.
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"

  attribute {
    name = "pk"
    type = "S"
  }
  attribute {
    name = "due_shard"
    type = "N"
  }
  attribute {
    name = "due_at"
    type = "N"
  }

  global_secondary_index {
    name      = local.index_name
    hash_key  = "due_shard"
    range_key = "due_at"
    # The index is behind the table, so a sweep reads the row itself before it acts.
    projection_type = "KEYS_ONLY"
  }

  # Settled rows are forgotten after 30 days.
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  # A table that is lost or restored wrongly would let old requests start builds again.
  point_in_time_recovery {
    enabled = true
  }
  deletion_protection_enabled = var.deletion_protection
}
