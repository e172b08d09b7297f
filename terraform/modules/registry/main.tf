# The registry: one SSM parameter per project. It contains names of secrets, never secrets.

locals {
  # Terraform counts characters, SSM bytes: four characters of base64 are three bytes, less one for each "=".
  document_bytes = {
    for project, text in var.documents : project => length(base64encode(text)) / 4 * 3 - length(regexall("=", base64encode(text)))
  }
}

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
      condition     = local.document_bytes[each.key] <= 4096
      error_message = "The registry's document of project \"${each.key}\" has ${local.document_bytes[each.key]} bytes; SSM's limit is 4096. Shorten its longest lists: replace refs with a common prefix by one entry that ends with *, or a long command by a script in the repository."
    }
    precondition {
      condition     = !strcontains(each.value, "{{")
      error_message = "The registry's document of project \"${each.key}\" contains \"{{\", which SSM rejects in a parameter's value. Move the command into a script in the repository."
    }
  }
}
