# Two subscribers of done events: a queue that gets the failures of one project, and a function that prints all events.
# They may be in the account of Doorbell, or in one that its `done_events` admits.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100, < 7"
    }
  }
}

provider "aws" {
  region = var.region
}

variable "region" {
  description = "The AWS Region of the topic."
  type        = string
  default     = "eu-central-1"
}

variable "done_topic_arn" {
  description = "The output done_topic_arn of the Doorbell module."
  type        = string
}

variable "project" {
  description = "The project whose failures the queue gets."
  type        = string
  default     = "demo"
}
