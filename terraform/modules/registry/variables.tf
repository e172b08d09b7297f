variable "prefix" {
  description = "The parameters are called <prefix>/<project>."
  type        = string
}

variable "documents" {
  description = "The registry's documents as JSON, by project."
  type        = map(string)
}
