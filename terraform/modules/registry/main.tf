# The registry: one SSM parameter per project. It contains names of secrets, never secrets.

resource "aws_ssm_parameter" "project" {
  for_each = var.documents

  name        = "${var.prefix}/${each.key}"
  description = "The registry document of the Doorbell project ${each.key}."
  # A document is no secret, and a SecureString would require a KMS permission of the worker.
  type = "String"
  # An Advanced parameter costs money every month and cannot become Standard again.
  tier  = "Standard"
  value = each.value

  lifecycle {
    precondition {
      condition     = length(each.value) <= 4096
      error_message = "The registry's document of project \"${each.key}\" has ${length(each.value)} characters; SSM's limit is 4096. Shorten its longest lists: replace refs with a common prefix by one entry that ends with *, or a long command by a script in the repository."
    }
    precondition {
      condition     = !strcontains(each.value, "{{")
      error_message = "The registry's document of project \"${each.key}\" contains \"{{\", which SSM rejects in a parameter's value. Move the command into a script in the repository."
    }
  }
}
