variable "prefix" {
  description = "The prefix of the parameters, `<prefix>/<project>`."
  type        = string
}

variable "documents" {
  description = "The registry's documents as JSON, by project."
  type        = map(string)
}
