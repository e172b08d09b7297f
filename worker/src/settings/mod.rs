use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use doorbell_adapters::forge::{CaCertificates, ForgeNetwork, ForgeProxy};
use doorbell_adapters::settings::{duration, forge_hosts, prefix, queue_url, table, topic_arn};
use doorbell_registry::BuildProjectName;

use crate::metrics::OtlpSettings;

mod errors;
mod opentelemetry;
mod values;

use self::errors::SettingErrors;
use self::opentelemetry::Environment;
use self::values::{address, build_count, count, filter, switch};

/// Turns requests from an SNS topic into AWS CodeBuild builds, each exactly once, and reports their status to the forge.
#[derive(Debug, Parser)]
#[command(name = "worker", version, after_help = AFTER_HELP, max_term_width = 100)]
pub struct WorkerArguments {
    /// A subcommand instead of the worker's loops.
    #[command(subcommand)]
    pub command: Option<WorkerCommand>,
    /// The worker's settings.
    #[command(flatten)]
    pub settings: RawSettings,
}

/// The subcommands of `worker`.
#[derive(Debug, Subcommand)]
pub enum WorkerCommand {
    /// Probe a running worker; exits with 0 if it is healthy and with 1 if not
    Health(HealthArguments),
}

/// Arguments of `worker health`.
#[derive(Debug, Args)]
pub struct HealthArguments {
    /// Address and port of the worker's health endpoint
    #[arg(long, env = "DOORBELL_HEALTH_ADDR", default_value = DEFAULT_HEALTH_ADDR, value_name = "HOST:PORT")]
    pub health_addr: SocketAddr,
    /// Probe readiness (`/healthz/ready`), not only liveness (`/healthz`)
    #[arg(long)]
    pub ready: bool,
}

const DEFAULT_HEALTH_ADDR: &str = "127.0.0.1:8080";

const AFTER_HELP: &str = "\
A duration is a whole number with the unit ms, s, m or h, from 10ms to 720h; without a unit, seconds.

AWS credentials, Region and endpoints come from the SDK's own variables (AWS_REGION, AWS_ENDPOINT_URL, \
AWS_CONTAINER_CREDENTIALS_FULL_URI, ...).

Metrics are exported by OTLP if OpenTelemetry's own variables name a collector: OTEL_EXPORTER_OTLP_ENDPOINT or \
OTEL_EXPORTER_OTLP_METRICS_ENDPOINT. The protocol is http/json.

Exit codes: 0 stopped by SIGTERM or SIGINT (or health: healthy), 1 could not start or continue (or health: unhealthy), \
2 a setting is missing or invalid.

Examples:
  worker --trigger-queue-url https://sqs.eu-north-1.amazonaws.com/123456789012/doorbell-triggers \\
         --event-queue-url   https://sqs.eu-north-1.amazonaws.com/123456789012/doorbell-events \\
         --dlq-url           https://sqs.eu-north-1.amazonaws.com/123456789012/doorbell-dead-letters \\
         --topic-arn         arn:aws:sns:eu-north-1:123456789012:doorbell-requests \\
         --table             doorbell-jobs
  worker health --ready";

/// The settings as strings, as given.
///
/// [`WorkerSettings::try_from`] parses them: so `worker health` needs none of them, and all that are missing or invalid
/// are reported at once.
#[derive(Debug, Args)]
pub struct RawSettings {
    /// URL of the SQS queue that is subscribed to the topic (required)
    #[arg(long, env = "DOORBELL_TRIGGER_QUEUE_URL", value_name = "URL")]
    trigger_queue_url: Option<String>,
    /// URL of the SQS queue that receives the events of the two EventBridge rules (required)
    #[arg(long, env = "DOORBELL_EVENT_QUEUE_URL", value_name = "URL")]
    event_queue_url: Option<String>,
    /// URL of the SQS queue for messages that cannot be processed (required)
    #[arg(long, env = "DOORBELL_DLQ_URL", value_name = "URL")]
    dlq_url: Option<String>,
    /// ARN of the SNS topic; messages of other topics are dead-lettered (required)
    #[arg(long, env = "DOORBELL_TOPIC_ARN", value_name = "ARN")]
    topic_arn: Option<String>,
    /// ARN of the SNS topic of done events; without it none are published
    #[arg(long, env = "DOORBELL_DONE_TOPIC_ARN", value_name = "ARN")]
    done_topic_arn: Option<String>,
    /// Name of the DynamoDB table of jobs (required)
    #[arg(long, env = "DOORBELL_TABLE", value_name = "NAME")]
    table: Option<String>,
    /// SSM path prefix of the registry's documents
    #[arg(long, env = "DOORBELL_REGISTRY_PREFIX", default_value = "/doorbell", value_name = "PATH")]
    registry_prefix: String,
    /// CodeBuild project for documents without `buildProject`
    #[arg(long, env = "DOORBELL_DEFAULT_BUILD_PROJECT", value_name = "NAME")]
    default_build_project: Option<String>,
    /// Maximum number of jobs in flight, 1 to 10000
    #[arg(long, env = "DOORBELL_MAX_IN_FLIGHT", default_value = "100", value_name = "COUNT")]
    max_in_flight: String,
    /// Builds of the installation that may run at once, over all workers; every worker needs the same
    #[arg(long, env = "DOORBELL_MAX_BUILDS", value_name = "COUNT")]
    max_builds: Option<String>,
    /// Address and port of `GET /healthz`
    #[arg(long, env = "DOORBELL_HEALTH_ADDR", default_value = DEFAULT_HEALTH_ADDR, value_name = "HOST:PORT")]
    health_addr: String,
    /// `text` for people; `json` for machines, with metrics in CloudWatch's embedded metric format
    #[arg(long, env = "DOORBELL_LOG_FORMAT", default_value = "text", value_name = "text|json")]
    log_format: String,
    /// `true` serves metrics for Prometheus at `GET /metrics` of the health endpoint
    #[arg(long, env = "DOORBELL_PROMETHEUS", default_value = "false", value_name = "true|false")]
    prometheus: String,
    /// Interval between two sweeps for rows that are due
    #[arg(long, env = "DOORBELL_SWEEP_INTERVAL", default_value = "5s", value_name = "TIME")]
    sweep_interval: String,
    /// Poll CodeBuild for a running build after this long without an event; for old builds, up to ten times as long
    #[arg(long, env = "DOORBELL_BUILD_POLL_INTERVAL", default_value = "60s", value_name = "TIME")]
    build_poll_interval: String,
    /// Reject requests that were published longer ago
    #[arg(long, env = "DOORBELL_MAX_REQUEST_AGE", default_value = "72h", value_name = "TIME")]
    max_request_age: String,
    /// Maximum time that a job waits for a build, the registry or its forge
    #[arg(long, env = "DOORBELL_QUEUE_TIMEOUT", default_value = "24h", value_name = "TIME")]
    queue_timeout: String,
    /// `host:port` of forges that may have a private address, separated by commas
    #[arg(
        long,
        env = "DOORBELL_ALLOW_PRIVATE_FORGES",
        default_value = "",
        hide_default_value = true,
        value_name = "HOST:PORT,..."
    )]
    allow_private_forges: String,
    /// Certificates of private CAs that forges may use beside the public ones, in PEM; AWS is not trusted by them
    #[arg(long, env = "DOORBELL_FORGE_CA_CERTIFICATES", value_name = "PEM")]
    forge_ca_certificates: Option<String>,
    /// HTTP proxy for all forges but those with a private address
    #[arg(long, env = "DOORBELL_FORGE_PROXY", value_name = "http://HOST:PORT")]
    forge_proxy: Option<String>,
    /// Log filter of the `tracing` crate, such as `info` or `info,doorbell_engine=debug`
    #[arg(long, env = "DOORBELL_LOG", default_value = "info", value_name = "FILTER")]
    log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// The worker's settings, parsed.
#[derive(Debug)]
pub struct WorkerSettings {
    pub(crate) trigger_queue_url: String,
    pub(crate) event_queue_url: String,
    pub(crate) dlq_url: String,
    pub(crate) topic_arn: String,
    pub(crate) done_topic_arn: Option<String>,
    pub(crate) table: String,
    pub(crate) registry_prefix: String,
    pub(crate) default_build_project: Option<BuildProjectName>,
    pub(crate) max_in_flight: usize,
    pub(crate) max_builds: Option<u32>,
    pub(crate) health_addr: SocketAddr,
    pub(crate) log_format: LogFormat,
    pub(crate) prometheus: bool,
    pub(crate) otlp: Option<OtlpSettings>,
    pub(crate) sweep_interval: Duration,
    pub(crate) build_poll_interval: Duration,
    pub(crate) max_request_age: Duration,
    pub(crate) queue_timeout: Duration,
    pub(crate) forge_network: ForgeNetwork,
    pub(crate) log: String,
}

impl TryFrom<RawSettings> for WorkerSettings {
    type Error = String;

    fn try_from(raw_settings: RawSettings) -> Result<Self, String> {
        let environment = |name: &str| std::env::var_os(name).map(|text| text.to_string_lossy().into_owned());
        Self::parse(raw_settings, &environment)
    }
}

impl WorkerSettings {
    fn parse(raw_settings: RawSettings, environment: Environment<'_>) -> Result<Self, String> {
        let mut problems = SettingErrors(Vec::new());
        let otlp = opentelemetry::parse(environment, &mut problems);
        // The flags' errors come first, in their order.
        let of_otlp = std::mem::take(&mut problems.0);
        let settings = parse_settings(raw_settings, &mut problems);
        problems.0.extend(of_otlp);
        match (settings, otlp) {
            (Some(settings), Some(otlp)) => Ok(Self { otlp, ..settings }),
            _ => Err(format!("settings are missing or invalid:\n{}", problems.0.join("\n"))),
        }
    }
}

/// Parses every setting, and reports all errors together.
fn parse_settings(raw_settings: RawSettings, problems: &mut SettingErrors) -> Option<WorkerSettings> {
    let trigger_queue_url = problems.required("trigger-queue-url", raw_settings.trigger_queue_url, queue_url);
    let event_queue_url = problems.required("event-queue-url", raw_settings.event_queue_url, queue_url);
    let dlq_url = problems.required("dlq-url", raw_settings.dlq_url, queue_url);
    let request_topic_arn = problems.required("topic-arn", raw_settings.topic_arn, topic_arn);
    let done_topic_arn = problems.optional("done-topic-arn", raw_settings.done_topic_arn, topic_arn);
    let table = problems.required("table", raw_settings.table, table);
    let registry_prefix = problems.read("registry-prefix", &raw_settings.registry_prefix, prefix);
    let default_build_project =
        problems.optional("default-build-project", raw_settings.default_build_project, str::parse);
    let max_in_flight = problems.read("max-in-flight", &raw_settings.max_in_flight, count);
    let max_builds = problems.optional("max-builds", raw_settings.max_builds, build_count);
    let health_addr = problems.read("health-addr", &raw_settings.health_addr, address);
    let log_format = problems.read("log-format", &raw_settings.log_format, |text| LogFormat::from_str(text, false));
    let prometheus = problems.read("prometheus", &raw_settings.prometheus, switch);
    let sweep_interval = problems.read("sweep-interval", &raw_settings.sweep_interval, duration);
    let build_poll_interval = problems.read("build-poll-interval", &raw_settings.build_poll_interval, duration);
    let max_request_age = problems.read("max-request-age", &raw_settings.max_request_age, duration);
    let queue_timeout = problems.read("queue-timeout", &raw_settings.queue_timeout, duration);
    let allow_private_forges = problems.read("allow-private-forges", &raw_settings.allow_private_forges, forge_hosts);
    let forge_ca_certificates =
        problems.optional("forge-ca-certificates", raw_settings.forge_ca_certificates, str::parse::<CaCertificates>);
    let forge_proxy = problems.optional_unquoted("forge-proxy", raw_settings.forge_proxy, str::parse::<ForgeProxy>);
    let log = problems.read("log", &raw_settings.log, filter);
    Some(WorkerSettings {
        trigger_queue_url: trigger_queue_url?,
        event_queue_url: event_queue_url?,
        dlq_url: dlq_url?,
        topic_arn: request_topic_arn?,
        done_topic_arn: done_topic_arn?,
        table: table?,
        registry_prefix: registry_prefix?,
        default_build_project: default_build_project?,
        max_in_flight: max_in_flight?,
        max_builds: max_builds?,
        health_addr: health_addr?,
        log_format: log_format?,
        prometheus: prometheus?,
        otlp: None,
        sweep_interval: sweep_interval?,
        build_poll_interval: build_poll_interval?,
        max_request_age: max_request_age?,
        queue_timeout: queue_timeout?,
        forge_network: ForgeNetwork {
            private_hosts: allow_private_forges?,
            certificates: forge_ca_certificates?.unwrap_or_default(),
            proxy: forge_proxy?,
        },
        log: log?,
    })
}

#[cfg(test)]
mod tests;
