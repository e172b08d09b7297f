# The registry: one SSM parameter per project. It contains names of secrets, never secrets.

locals {
  # Terraform counts characters, SSM bytes: four characters of base64 are three bytes, less one for each "=".
  documents = {
    for project, text in var.documents : project => {
      text  = text
      bytes = length(base64encode(text)) / 4 * 3 - length(regexall("=", base64encode(text)))
    }
  }
}

resource "aws_ssm_parameter" "project" {
  for_each = toset(keys(var.documents))

  name        = "${var.prefix}/${each.key}"
  description = "The registry document of the Doorbell project ${each.key}."
  # A document is no secret, and a SecureString would require a KMS permission of the worker.
  type = "String"
  # An Advanced parameter costs money every month and cannot become Standard again.
  tier  = "Standard"
  value = local.documents[each.key].text

  lifecycle {
    precondition {
      condition     = local.documents[each.key].bytes <= 4096
      error_message = "The registry's document of project \"${each.key}\" has ${local.documents[each.key].bytes} bytes; SSM's limit is 4096. Shorten its longest lists: replace refs with a common prefix by one entry that ends with *, or a long command by a script in the repository."
    }
    precondition {
      condition     = !strcontains(local.documents[each.key].text, "{{")
      error_message = "The registry's document of project \"${each.key}\" contains \"{{\", which SSM rejects in a parameter's value. Move the command into a script in the repository."
    }
  }
}
