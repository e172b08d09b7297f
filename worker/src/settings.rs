use std::net::SocketAddr;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use doorbell_messages::BuildProjectName;

/// Turns requests from an SNS topic into AWS CodeBuild builds, each exactly once, and tells the result to the forge.
#[derive(Debug, Parser)]
#[command(name = "worker", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) settings: OptionalSettings,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask a running worker how it is; exits with 0 if it is well and with 1 if not.
    Health(HealthArguments),
}

#[derive(Debug, Args)]
pub(crate) struct HealthArguments {
    /// Where the worker answers.
    #[arg(long, env = "DOORBELL_HEALTH_ADDR", default_value = DEFAULT_HEALTH_ADDR, value_name = "HOST:PORT")]
    pub(crate) health_addr: SocketAddr,
    /// Ask whether it is ready to work, not only whether it lives.
    #[arg(long)]
    pub(crate) ready: bool,
}

const DEFAULT_HEALTH_ADDR: &str = "127.0.0.1:8080";

const AFTER_HELP: &str = "\
AWS credentials, region and endpoints come from the SDK's own variables (AWS_REGION, AWS_ENDPOINT_URL, \
AWS_CONTAINER_CREDENTIALS_FULL_URI, ...).

Exit codes: 0 stopped by SIGTERM or SIGINT (or health: well), 1 it could not start or go on (or health: not well), \
2 a setting is missing or wrong.

Examples:
  worker --trigger-queue-url https://sqs.eu-north-1.amazonaws.com/123456789012/doorbell-triggers \\
         --event-queue-url   https://sqs.eu-north-1.amazonaws.com/123456789012/doorbell-events \\
         --dlq-url           https://sqs.eu-north-1.amazonaws.com/123456789012/doorbell-dead-letters \\
         --topic-arn         arn:aws:sns:eu-north-1:123456789012:doorbell-requests \\
         --table             doorbell-jobs
  worker health --ready";

/// The settings as clap reads them: the required ones are checked by [`Settings::try_from`], so that `worker health`
/// needs none of them and all that is missing is said at once.
#[derive(Debug, Args)]
pub(crate) struct OptionalSettings {
    /// The SQS queue that the topic feeds (required)
    #[arg(long, env = "DOORBELL_TRIGGER_QUEUE_URL", value_name = "URL", value_parser = queue_url)]
    trigger_queue_url: Option<String>,
    /// The SQS queue that the two event rules feed (required)
    #[arg(long, env = "DOORBELL_EVENT_QUEUE_URL", value_name = "URL", value_parser = queue_url)]
    event_queue_url: Option<String>,
    /// The SQS queue for messages that can't be worked on (required)
    #[arg(long, env = "DOORBELL_DLQ_URL", value_name = "URL", value_parser = queue_url)]
    dlq_url: Option<String>,
    /// The SNS topic whose messages are requests; those of another one are refused (required)
    #[arg(long, env = "DOORBELL_TOPIC_ARN", value_name = "ARN", value_parser = topic_arn)]
    topic_arn: Option<String>,
    /// The DynamoDB table of jobs (required)
    #[arg(long, env = "DOORBELL_TABLE", value_name = "NAME", value_parser = table)]
    table: Option<String>,
    /// Where the registry's documents stand in SSM
    #[arg(long, env = "DOORBELL_PROJECT_PREFIX", default_value = "/doorbell", value_name = "PATH", value_parser = prefix)]
    project_prefix: String,
    /// The CodeBuild project of registry documents that name none (iwomp-in-aws's do not)
    #[arg(long, env = "DOORBELL_BUILD_PROJECT", value_name = "NAME")]
    build_project: Option<BuildProjectName>,
    /// Jobs in hand at once
    #[arg(long, env = "DOORBELL_MAX_IN_FLIGHT", default_value_t = 100, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=10_000))]
    max_in_flight: u16,
    /// Where `GET /healthz` is answered
    #[arg(long, env = "DOORBELL_HEALTH_ADDR", default_value = DEFAULT_HEALTH_ADDR, value_name = "HOST:PORT")]
    health_addr: SocketAddr,
    /// text for people; json for machines, with metrics in CloudWatch's embedded format
    #[arg(long, env = "DOORBELL_LOG_FORMAT", default_value = "text", value_enum)]
    log_format: LogFormat,
    /// Time between two looks at rows that are due: a number of ms, s, m or h
    #[arg(long, env = "DOORBELL_SWEEP_INTERVAL", default_value = "5s", value_name = "TIME", value_parser = time)]
    sweep_interval: Duration,
    /// How long a running build may be quiet before CodeBuild is asked
    #[arg(long, env = "DOORBELL_RECONCILE_AFTER", default_value = "60s", value_name = "TIME", value_parser = time)]
    reconcile_after: Duration,
    /// Requests published longer ago are rejected as old news
    #[arg(long, env = "DOORBELL_MAX_AGE", default_value = "72h", value_name = "TIME", value_parser = time)]
    max_age: Duration,
    /// How long a job may wait for a build, the registry or its forge
    #[arg(long, env = "DOORBELL_QUEUE_TIMEOUT", default_value = "24h", value_name = "TIME", value_parser = time)]
    queue_timeout: Duration,
    /// host:port of forges that may be at a private address, comma-separated
    #[arg(long, env = "DOORBELL_FORGE_ALLOW", value_name = "HOST:PORT,...", value_delimiter = ',', value_parser = host_and_port)]
    forge_allow: Vec<String>,
    /// What is logged, as the tracing crate's filter
    #[arg(long, env = "DOORBELL_LOG", default_value = "info", value_name = "FILTER", value_parser = filter)]
    log: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// What the worker runs by.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) trigger_queue_url: String,
    pub(crate) event_queue_url: String,
    pub(crate) dlq_url: String,
    pub(crate) topic_arn: String,
    pub(crate) table: String,
    pub(crate) project_prefix: String,
    pub(crate) build_project: Option<BuildProjectName>,
    pub(crate) max_in_flight: usize,
    pub(crate) health_addr: SocketAddr,
    pub(crate) log_format: LogFormat,
    pub(crate) sweep_interval: Duration,
    pub(crate) reconcile_after: Duration,
    pub(crate) max_age: Duration,
    pub(crate) queue_timeout: Duration,
    pub(crate) forge_allow: Vec<String>,
    pub(crate) log: String,
}

impl TryFrom<OptionalSettings> for Settings {
    type Error = String;

    fn try_from(given: OptionalSettings) -> Result<Self, String> {
        let mut missing = Vec::new();
        let mut required = |value: Option<String>, flag: &str, variable: &str| {
            value.unwrap_or_else(|| {
                missing.push(format!("  --{flag} (or {variable})"));
                String::new()
            })
        };
        let settings = Self {
            trigger_queue_url: required(given.trigger_queue_url, "trigger-queue-url", "DOORBELL_TRIGGER_QUEUE_URL"),
            event_queue_url: required(given.event_queue_url, "event-queue-url", "DOORBELL_EVENT_QUEUE_URL"),
            dlq_url: required(given.dlq_url, "dlq-url", "DOORBELL_DLQ_URL"),
            topic_arn: required(given.topic_arn, "topic-arn", "DOORBELL_TOPIC_ARN"),
            table: required(given.table, "table", "DOORBELL_TABLE"),
            project_prefix: given.project_prefix,
            build_project: given.build_project,
            max_in_flight: usize::from(given.max_in_flight),
            health_addr: given.health_addr,
            log_format: given.log_format,
            sweep_interval: given.sweep_interval,
            reconcile_after: given.reconcile_after,
            max_age: given.max_age,
            queue_timeout: given.queue_timeout,
            forge_allow: given.forge_allow,
            log: given.log,
        };
        if missing.is_empty() { Ok(settings) } else { Err(format!("settings are missing:\n{}", missing.join("\n"))) }
    }
}

fn queue_url(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if url.has_host() && matches!(url.scheme(), "https" | "http") && url.path().len() > 1 => {
            Ok(text.to_owned())
        }
        _ => Err("an SQS queue's URL is https://host/account/name".to_owned()),
    }
}

fn topic_arn(text: &str) -> Result<String, String> {
    match text.split(':').collect::<Vec<_>>().as_slice() {
        ["arn", _, "sns", region, account, name] if ![region, account, name].iter().any(|part| part.is_empty()) => {
            Ok(text.to_owned())
        }
        _ => Err("a topic's ARN is arn:aws:sns:<region>:<account>:<name>".to_owned()),
    }
}

fn table(text: &str) -> Result<String, String> {
    let good =
        (3..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    if good { Ok(text.to_owned()) } else { Err("a table's name is 3 to 255 of A-Z a-z 0-9 _ . -".to_owned()) }
}

fn prefix(text: &str) -> Result<String, String> {
    let good = text.starts_with('/')
        && text.len() > 1
        && !text.ends_with('/')
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-/".contains(&b));
    if good {
        Ok(text.to_owned())
    } else {
        Err("a prefix begins with a slash and does not end with one: /doorbell".to_owned())
    }
}

fn host_and_port(text: &str) -> Result<String, String> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_ascii_lowercase()),
        _ => Err("a forge is named by host:port".to_owned()),
    }
}

fn filter(text: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; a filter is a level (info) or target=level,...")),
    }
}

fn time(text: &str) -> Result<Duration, String> {
    const RULE: &str = "a time is a whole number of ms, s, m or h, from 10ms to 720h: 500ms, 5s, 72h";
    let (number, unit) = text.find(|c: char| !c.is_ascii_digit()).map_or((text, "s"), |at| text.split_at(at));
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(RULE.to_owned()),
    };
    let total = number.parse::<u64>().ok().and_then(|number| number.checked_mul(milliseconds));
    match total.filter(|total| (10..=720 * 3_600_000).contains(total)) {
        Some(total) => Ok(Duration::from_millis(total)),
        None => Err(RULE.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn a_time_is_a_number_and_its_unit() {
        for (text, expected) in [("5", 5000), ("5s", 5000), ("500ms", 500), ("2m", 120_000), ("72h", 259_200_000)] {
            assert_eq!(time(text), Ok(Duration::from_millis(expected)), "{text}");
        }
        for text in ["", "s", "-5s", "5 s", "5d", "0s", "9ms", "721h", "99999999999999999999s", "1.5s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_wrong_address_is_refused_with_the_right_shape() {
        assert!(topic_arn("arn:aws:sns:eu-north-1:123456789012:doorbell").is_ok());
        assert!(topic_arn("doorbell").unwrap_err().contains("arn:aws:sns:"));
        assert!(queue_url("sqs:doorbell").is_err() && queue_url("https://host").is_err());
        assert!(prefix("doorbell").is_err() && prefix("/doorbell/").is_err() && prefix("/a/b").is_ok());
        assert!(host_and_port("forge").is_err() && host_and_port("Forge:443") == Ok("forge:443".to_owned()));
    }
}
