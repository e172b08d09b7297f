use clap::Args;
use doorbell_registry::BuildProjectName;
use doorbell_worker::setting_values as values;

use crate::error::CliError;

/// Which installation is meant: the worker's own settings, by the same names. Texts here; each command reads those it
/// needs, and says all that are missing or wrong at once.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Which installation (the worker's own settings)")]
pub(crate) struct Installation {
    /// The topic of requests
    #[arg(
        long,
        env = "DOORBELL_TOPIC_ARN",
        value_name = "ARN",
        global = true,
        hide_env_values = true,
        hide_short_help = true
    )]
    topic_arn: Option<String>,
    /// The queue that the topic feeds
    #[arg(
        long,
        env = "DOORBELL_TRIGGER_QUEUE_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true,
        hide_short_help = true
    )]
    trigger_queue_url: Option<String>,
    /// The queue that the two event rules feed
    #[arg(
        long,
        env = "DOORBELL_EVENT_QUEUE_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true,
        hide_short_help = true
    )]
    event_queue_url: Option<String>,
    /// The queue for messages that can't be worked on
    #[arg(
        long,
        env = "DOORBELL_DLQ_URL",
        value_name = "URL",
        global = true,
        hide_env_values = true,
        hide_short_help = true
    )]
    dlq_url: Option<String>,
    /// The table of jobs
    #[arg(
        long,
        env = "DOORBELL_TABLE",
        value_name = "NAME",
        global = true,
        hide_env_values = true,
        hide_short_help = true
    )]
    table: Option<String>,
    /// Where the registry's documents stand in SSM
    #[arg(long, env = "DOORBELL_REGISTRY_PREFIX", default_value = "/doorbell", value_name = "PATH", global = true)]
    #[arg(hide_env_values = true, hide_short_help = true)]
    registry_prefix: String,
    /// The CodeBuild project of documents that name none
    #[arg(
        long,
        env = "DOORBELL_DEFAULT_BUILD_PROJECT",
        value_name = "NAME",
        global = true,
        hide_env_values = true,
        hide_short_help = true
    )]
    default_build_project: Option<String>,
    /// host:port of forges that may be at a private address, comma-separated
    #[arg(
        long,
        env = "DOORBELL_ALLOW_PRIVATE_FORGES",
        value_name = "HOST:PORT,...",
        global = true,
        hide_env_values = true,
        hide_short_help = true
    )]
    allow_private_forges: Option<String>,
}

/// A setting that has no default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    TopicArn,
    TriggerQueueUrl,
    EventQueueUrl,
    DlqUrl,
    Table,
}

type SettingParser = fn(&str) -> Result<String, String>;

impl Installation {
    /// Reads these settings.
    ///
    /// # Errors
    /// All that are missing (exit code 3), or wrong (2).
    pub(crate) fn read<const N: usize>(&self, settings: [Setting; N]) -> Result<[String; N], CliError> {
        let mut missing = Vec::new();
        for setting in settings {
            let (name, text, parse) = self.setting(setting);
            match text.filter(|text| !text.is_empty()) {
                None => missing.push(name),
                Some(text) => {
                    parse(text).map_err(|rule| invalid_setting(name, text, &rule))?;
                }
            }
        }
        if missing.is_empty() {
            return Ok(settings.map(|setting| self.setting(setting).1.unwrap_or_default().to_owned()));
        }
        let names: Vec<String> = missing.iter().map(|name| format!("--{name} ({})", variable_name(name))).collect();
        Err(CliError::missing(
            format!("settings are missing: {}", names.join(", ")),
            "they are the worker's own: take them from its task definition or from Terraform's outputs",
        ))
    }

    fn setting(&self, setting: Setting) -> (&'static str, Option<&str>, SettingParser) {
        let (name, text, parse): (_, &Option<String>, SettingParser) = match setting {
            Setting::TopicArn => ("topic-arn", &self.topic_arn, values::topic_arn),
            Setting::TriggerQueueUrl => ("trigger-queue-url", &self.trigger_queue_url, values::queue_url),
            Setting::EventQueueUrl => ("event-queue-url", &self.event_queue_url, values::queue_url),
            Setting::DlqUrl => ("dlq-url", &self.dlq_url, values::queue_url),
            Setting::Table => ("table", &self.table, values::table),
        };
        (name, text.as_deref(), parse)
    }

    /// The registry's place in SSM.
    ///
    /// # Errors
    /// It is no path (exit code 2).
    pub(crate) fn prefix(&self) -> Result<String, CliError> {
        values::prefix(&self.registry_prefix)
            .map_err(|rule| invalid_setting("registry-prefix", &self.registry_prefix, &rule))
    }

    /// The build project of documents that name none.
    ///
    /// # Errors
    /// The name is none (exit code 2).
    pub(crate) fn default_build_project(&self) -> Result<Option<BuildProjectName>, CliError> {
        let text = self.default_build_project.as_deref().filter(|text| !text.is_empty());
        text.map(str::parse).transpose().map_err(|rule: String| invalid_setting("default-build-project", "", &rule))
    }

    /// Forges that may be at a private address.
    ///
    /// # Errors
    /// One is not named by host and port (exit code 2).
    pub(crate) fn allow_private_forges(&self) -> Result<Vec<String>, CliError> {
        let text = self.allow_private_forges.as_deref().unwrap_or_default();
        values::forge_hosts(text).map_err(|rule| invalid_setting("allow-private-forges", text, &rule))
    }
}

fn variable_name(name: &str) -> String {
    format!("DOORBELL_{}", name.replace('-', "_").to_ascii_uppercase())
}

fn invalid_setting(name: &str, text: &str, rule: &str) -> CliError {
    CliError::usage(
        format!("--{name} ({}): \"{}\": {rule}", variable_name(name), text.escape_default()),
        "see doorbell --help",
    )
}
