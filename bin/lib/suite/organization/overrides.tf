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

  publishers = {
    github  = { ci = "github", subjects = ["repo:example/shop:ref:refs/heads/main"] }
    pagure  = { ci = "key" }
    jenkins = { ci = "role", principal_arn = "arn:aws:iam::444455556666:role/jenkins" }
  }

  schedules = {
    nightly = { project = "demo", ref = "main", cron = "0 3 * * ? *", timezone = "Europe/Berlin", variables = { STAGE = "test" } }
    weekly  = { project = "shop.web", ref = "tags/v1", cron = "0/30 4 ? * SUN *" }
  }

  worker = {
    allow_private_forges = ["forge.internal:8443"]
    # A plan does not read it; the worker would refuse to start with it.
    forge_ca_certificates = "-----BEGIN CERTIFICATE-----"
    forge_proxy           = "http://proxy.internal:3128"
    egress                = { dns = { cidr_ipv4 = "10.0.0.2/32", protocol = "udp", port = 53 } }
    max_request_age       = "12h"
    queue_timeout         = "6h"
    sweep_interval        = "30s"
    build_poll_interval   = "2m"
    max_builds            = 40
    max_in_flight         = 50
    log                   = "info,doorbell_engine=debug"
    otlp = {
      endpoint            = "https://collector.internal:4318"
      headers_secret_arn  = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:doorbell/collector-AbCdEf"
      ca_certificates     = "-----BEGIN CERTIFICATE-----"
      resource_attributes = { "deployment.environment.name" = "a b,c" }
    }
  }

  build_network = { vpc_id = "vpc-2", subnet_ids = ["subnet-2"], security_group_ids = ["sg-2"] }

  projects = {
    demo = {
      git_url = "https://git.example.org/demo.git"
      command = ["./ci.sh"]
      refs    = ["heads/main"]
      # A schedule sets it.
      variables = ["STAGE"]
    }
    "shop.web" = {
      git_url         = "https://git.example.org/shop/web.git"
      command         = ["./build.sh"]
      refs            = ["heads/main", "tags/v*"]
      pull_requests   = "unprivileged"
      git_secret      = "doorbell/git/shop.web"
      image           = "registry.example.org/build@sha256:0000000000000000000000000000000000000000000000000000000000000002"
      architecture    = "arm64"
      privileged_mode = true
      cache           = { paths = ["/var/cache/**/*"], bucket = "example-cache" }
      reports         = ["target/junit/*.xml"]
      artifacts       = { bucket = "example-artifacts", paths = ["dist/**/*"] }
    }
    "shop-web" = {
      git_url = "https://git.example.org/shop/web-old.git"
      command = ["make"]
      refs    = ["heads/main"]
      cache   = { paths = ["/var/cache/m2/**/*"] }
      retired = true
    }
  }
}
