# Two public subnets. Workers are called by nobody; NAT gateways for private ones would cost more than all the rest.

resource "aws_vpc" "workers" {
  cidr_block           = "10.40.0.0/24"
  enable_dns_hostnames = true
  tags                 = { Name = "doorbell" }
}

variable "zones" {
  description = "Two availability zones; unset, the region's a and b. They are named, not asked for: a zone that AWS adds moves no subnet."
  type        = list(string)
  default     = null
}

locals {
  zones = coalesce(var.zones, ["${var.region}a", "${var.region}b"])
}

resource "aws_subnet" "workers" {
  count = 2

  vpc_id            = aws_vpc.workers.id
  availability_zone = local.zones[count.index]
  cidr_block        = cidrsubnet(aws_vpc.workers.cidr_block, 4, count.index)
  tags              = { Name = "doorbell-${count.index}" }
}

resource "aws_internet_gateway" "workers" {
  vpc_id = aws_vpc.workers.id
}

resource "aws_route_table" "workers" {
  vpc_id = aws_vpc.workers.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.workers.id
  }
}

resource "aws_route_table_association" "workers" {
  count = 2

  subnet_id      = aws_subnet.workers[count.index].id
  route_table_id = aws_route_table.workers.id
}
