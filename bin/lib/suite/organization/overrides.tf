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

  build_network = { vpc_id = "vpc-2", subnet_ids = ["subnet-2"], security_group_ids = ["sg-2"] }

  projects = {
    demo = {
      git_url = "https://git.example.org/demo.git"
      command = ["./ci.sh"]
      refs    = ["heads/main"]
    }
    "shop.web" = {
      git_url         = "https://git.example.org/shop/web.git"
      command         = ["./build.sh"]
      refs            = ["heads/main"]
      pull_requests   = "unprivileged"
      git_secret      = "doorbell/git/shop.web"
      image           = "registry.example.org/build@sha256:0000000000000000000000000000000000000000000000000000000000000002"
      architecture    = "arm64"
      privileged_mode = true
      cache           = { paths = ["/root/.cache/**/*"], bucket = "example-cache" }
      reports         = ["target/junit/*.xml"]
      artifacts       = { bucket = "example-artifacts", paths = ["dist/**/*"] }
    }
    "shop-web" = {
      git_url = "https://git.example.org/shop/web-old.git"
      command = ["make"]
      refs    = ["heads/main"]
      cache   = { paths = ["/root/.m2/**/*"] }
      retired = true
    }
  }
}
