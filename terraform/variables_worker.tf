variable "worker" {
  description = <<-TEXT
    Settings of the workers. `allow_private_forges` names forges (host:port) that may have private addresses.
    `forge_ca_certificates` are certificates of private authorities in PEM, such as `file("ca.pem")`, which forges may use;
    AWS is not trusted by them. `forge_proxy` is http://HOST:PORT for all other forges, and needs a rule in `egress`. `egress`
    adds destinations to those of the security group, which are TCP 443 and the forges' ports: such as own DNS servers.
    `max_request_age`, `queue_timeout`, `sweep_interval`, `build_poll_interval`, `max_in_flight`, `max_builds` and `log` are the worker's
    settings of those names; `worker --help` explains them. `otlp` exports metrics to an OpenTelemetry collector at `endpoint`
    (http/json), which may need a rule in `egress`; `headers_secret_arn` is a secret whose text is `name=value,...`, such as
    a token, and `ca_certificates` are as above, for the collector alone.
  TEXT
  type = object({
    allow_private_forges  = optional(list(string), [])
    forge_ca_certificates = optional(string)
    forge_proxy           = optional(string)
    egress                = optional(map(object({ cidr_ipv4 = string, protocol = string, port = number })), {})
    max_request_age       = optional(string)
    queue_timeout         = optional(string)
    sweep_interval        = optional(string)
    build_poll_interval   = optional(string)
    max_in_flight         = optional(number)
    max_builds            = optional(number)
    log                   = optional(string)
    otlp = optional(object({
      endpoint            = string
      headers_secret_arn  = optional(string)
      ca_certificates     = optional(string)
      resource_attributes = optional(map(string), {})
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for forge in var.worker.allow_private_forges : can(regex("^[a-z0-9][a-z0-9.-]*:[0-9]{1,5}$", forge))])
    error_message = "worker.allow_private_forges must be host:port in lower case, such as forge.internal:443."
  }
  validation {
    condition     = var.worker.forge_ca_certificates == null || can(regex("-----BEGIN CERTIFICATE-----", var.worker.forge_ca_certificates)) && !can(regex("PRIVATE KEY", var.worker.forge_ca_certificates))
    error_message = "worker.forge_ca_certificates must be certificates in PEM, without a private key."
  }
  validation {
    condition     = var.worker.forge_proxy == null || can(regex("^http://[A-Za-z0-9.-]+:[0-9]{1,5}/?$", var.worker.forge_proxy))
    error_message = "worker.forge_proxy must be http://HOST:PORT, without user and password."
  }
  validation {
    condition     = var.worker.otlp == null || can(regex("^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$", var.worker.otlp.endpoint))
    error_message = "worker.otlp.endpoint must be http://HOST:PORT or https://HOST, without user, password and query: a token belongs into headers_secret_arn."
  }
  validation {
    condition     = try(var.worker.otlp.headers_secret_arn, null) == null || can(regex("^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+-[A-Za-z0-9]{6}$", var.worker.otlp.headers_secret_arn))
    error_message = "worker.otlp.headers_secret_arn must be the whole ARN of a secret, with its last six characters."
  }
  validation {
    condition     = try(var.worker.otlp.ca_certificates, null) == null || can(regex("^-----BEGIN CERTIFICATE-----", var.worker.otlp.ca_certificates)) && !can(regex("PRIVATE KEY", var.worker.otlp.ca_certificates))
    error_message = "worker.otlp.ca_certificates must be certificates in PEM, without a private key."
  }
  validation {
    condition     = alltrue([for name in keys(try(var.worker.otlp.resource_attributes, {})) : can(regex("^[A-Za-z][A-Za-z0-9._-]*$", name))])
    error_message = "worker.otlp.resource_attributes must have names of letters, digits, dots, dashes and underscores."
  }
  validation {
    condition = alltrue([
      for time in [var.worker.max_request_age, var.worker.queue_timeout, var.worker.build_poll_interval] : time == null || can(regex("^[1-9][0-9]{0,5}(s|m|h)$", time))
    ])
    error_message = "worker.max_request_age, queue_timeout and build_poll_interval must be whole numbers with the unit s, m or h, such as 24h."
  }
  validation {
    condition     = var.worker.max_builds == null || try(var.worker.max_builds >= 1 && var.worker.max_builds <= 500 && floor(var.worker.max_builds) == var.worker.max_builds, false)
    error_message = "worker.max_builds must be a whole number from 1 to 500."
  }
  validation {
    condition     = var.worker.sweep_interval == null || can(regex("^([1-9]|[1-5][0-9]|60)s$", var.worker.sweep_interval))
    error_message = "worker.sweep_interval must be 1s to 60s: the alarm sweep-missing expects a sweep in two minutes."
  }
  validation {
    condition     = alltrue([for rule in values(var.worker.egress) : can(cidrhost(rule.cidr_ipv4, 0)) && contains(["tcp", "udp"], rule.protocol) && rule.port >= 1 && rule.port <= 65535])
    error_message = "worker.egress needs an IPv4 range, the protocol tcp or udp, and a port."
  }
}
