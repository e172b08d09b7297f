# The ledger: the DynamoDB table of jobs. Workers share no other state.

locals {
  table_name = "${var.context.name}-jobs"
  table_arn  = "arn:${var.context.partition}:dynamodb:${var.context.region}:${var.context.account_id}:table/${local.table_name}"
}

resource "aws_dynamodb_table" "jobs" {
  name = local.table_name
  # CI traffic is bursty, with long idle periods.
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
  attribute {
    name = "listed"
    type = "S"
  }
  attribute {
    name = "received_at"
    type = "N"
  }

  # Rows that are due. Only rows that are not settled have `due_shard` and `due_at`, so the index stays small. It is
  # eventually consistent: the sweep reads the row consistently before it acts.
  global_secondary_index {
    name            = "due"
    hash_key        = "due_shard"
    range_key       = "due_at"
    projection_type = "KEYS_ONLY"
  }

  # A project's jobs by the time of receipt. `listed` is "<project>/<0..3>": the hash of the key picks one of four
  # shards, so one project's flood is not one hot partition. Both attributes never change: a job costs one index write.
  global_secondary_index {
    name            = "by_project"
    hash_key        = "listed"
    range_key       = "received_at"
    projection_type = "KEYS_ONLY"
  }

  # DynamoDB deletes settled rows 30 days after they settled.
  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  # Without a key of its own the table is encrypted by DynamoDB's.
  dynamic "server_side_encryption" {
    for_each = var.organization.kms_key_arn == null ? [] : [var.organization.kms_key_arn]
    content {
      enabled     = true
      kms_key_arn = server_side_encryption.value
    }
  }

  # Without the table's rows, a redelivered request would start its build again.
  point_in_time_recovery {
    enabled = true
  }
  deletion_protection_enabled = var.deletion_protection
}
