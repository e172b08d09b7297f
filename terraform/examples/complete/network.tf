# A VPC with two public subnets. The workers accept no connections. Private subnets would need NAT gateways, which cost
# more than everything else together.

resource "aws_vpc" "workers" {
  cidr_block           = "10.40.0.0/24"
  enable_dns_hostnames = true
  tags                 = { Name = "doorbell" }
}

variable "zones" {
  description = "Two availability zones; the default is a and b of the Region. A data source could move subnets when AWS adds a zone."
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
