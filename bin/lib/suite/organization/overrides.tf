# The example "complete" in an organization with rules: terraform/policy-tests/organization.test.mjs checks the plan.

provider "aws" {
  default_tags {
    tags = { cost-center = "4711" }
  }
}

module "doorbell" {
  organization = {
    permissions_boundary_arn = "arn:aws:iam::111122223333:policy/ci-boundary"
    role_path                = "/ci/"
    kms_key_arn              = "arn:aws:kms:eu-central-1:111122223333:key/0a1b2c3d-0000-4000-8000-000000000001"
  }
}
