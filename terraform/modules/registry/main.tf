# The registry: one SSM parameter a project. It holds no secrets, only their names.

resource "aws_ssm_parameter" "project" {
  for_each = var.documents

  name        = "${var.prefix}/${each.key}"
  description = "What Doorbell may build for the project ${each.key}."
  # Not SecureString: there is nothing secret in it, and the worker would need the right to a key.
  type = "String"
  # A parameter of the tier Advanced costs by the month, and can't go back.
  tier  = "Standard"
  value = each.value

  lifecycle {
    precondition {
      condition     = length(each.value) <= 4096
      error_message = "The registry's document of project \"${each.key}\" has ${length(each.value)} characters; SSM takes 4096. Shorten its longest lists: refs of one prefix become one entry with a * at the end, a long command becomes a script in the repository."
    }
  }
}
