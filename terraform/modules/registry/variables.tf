variable "place" {
  description = "Where everything is: the installation's name, and the parts of ARNs."
  type        = object({ name = string, partition = string, region = string, account_id = string })
}

variable "prefix" {
  description = "The parameters are called <prefix>/<project>."
  type        = string
}

variable "documents" {
  description = "The registry's documents as JSON, by project."
  type        = map(string)
}
