use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use doorbell_adapters::forge::ForgeNetwork;
use doorbell_adapters::settings as values;
use doorbell_registry::BuildProjectName;

use crate::error::CliError;

const HELP_HEADING: &str = "Which installation (the worker's own settings)";

/// The settings that identify an installation: the worker's own, by the same names.
///
/// They are strings here. Each command parses those that it needs, and reports all missing ones at once.
#[derive(Debug, Clone)]
pub(crate) struct Installation([Option<String>; Setting::ALL.len()]);

/// A setting of the installation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    TopicArn,
    TriggerQueueUrl,
    EventQueueUrl,
    DlqUrl,
    Table,
    RegistryPrefix,
    DefaultBuildProject,
    AllowPrivateForges,
}

/// Flag, variable, value's name and help of a setting.
type SettingNames = (&'static str, &'static str, &'static str, &'static str);

impl Setting {
    const ALL: [Self; 8] = [
        Self::TopicArn,
        Self::TriggerQueueUrl,
        Self::EventQueueUrl,
        Self::DlqUrl,
        Self::Table,
        Self::RegistryPrefix,
        Self::DefaultBuildProject,
        Self::AllowPrivateForges,
    ];

    const fn names(self) -> SettingNames {
        match self {
            Self::TopicArn => ("topic-arn", "DOORBELL_TOPIC_ARN", "ARN", "ARN of the SNS topic of requests"),
            Self::TriggerQueueUrl => (
                "trigger-queue-url",
                "DOORBELL_TRIGGER_QUEUE_URL",
                "URL",
                "URL of the SQS queue that is subscribed to the topic",
            ),
            Self::EventQueueUrl => (
                "event-queue-url",
                "DOORBELL_EVENT_QUEUE_URL",
                "URL",
                "URL of the SQS queue that receives the events of the two EventBridge rules",
            ),
            Self::DlqUrl => {
                ("dlq-url", "DOORBELL_DLQ_URL", "URL", "URL of the SQS queue for messages that cannot be processed")
            }
            Self::Table => ("table", "DOORBELL_TABLE", "NAME", "Name of the DynamoDB table of jobs"),
            Self::RegistryPrefix => {
                ("registry-prefix", "DOORBELL_REGISTRY_PREFIX", "PATH", "SSM path prefix of the registry's documents")
            }
            Self::DefaultBuildProject => (
                "default-build-project",
                "DOORBELL_DEFAULT_BUILD_PROJECT",
                "NAME",
                "CodeBuild project for documents without `buildProject`",
            ),
            Self::AllowPrivateForges => (
                "allow-private-forges",
                "DOORBELL_ALLOW_PRIVATE_FORGES",
                "HOST:PORT,...",
                "`host:port` of forges that may have a private address, separated by commas",
            ),
        }
    }

    fn argument(self) -> Arg {
        let (flag, variable, value_name, help) = self.names();
        let argument = Arg::new(flag).long(flag).env(variable).value_name(value_name).help(help).global(true);
        let argument = argument.help_heading(HELP_HEADING).hide_env_values(true).hide_short_help(true);
        if self == Self::RegistryPrefix { argument.default_value("/doorbell") } else { argument }
    }
}

impl Args for Installation {
    fn augment_args(command: Command) -> Command {
        command.args(Setting::ALL.map(Setting::argument))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Installation {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        Ok(Self(Setting::ALL.map(|setting| matches.get_one::<String>(setting.names().0).cloned())))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Installation {
    /// The setting as given; none if it is empty.
    fn value(&self, setting: Setting) -> Option<&str> {
        self.0[setting as usize].as_deref().filter(|text| !text.is_empty())
    }

    /// Parses these required settings.
    ///
    /// # Errors
    /// Some are missing (exit code 3) or invalid (2).
    pub(crate) fn read<const N: usize>(&self, settings: [Setting; N]) -> Result<[String; N], CliError> {
        let mut missing = Vec::new();
        for setting in settings {
            match self.value(setting) {
                None => missing.push(flag_and_variable(setting)),
                Some(text) => parse(setting, text).map_err(|rule| invalid_setting(setting, text, &rule))?,
            }
        }
        if missing.is_empty() {
            return Ok(settings.map(|setting| self.value(setting).unwrap_or_default().to_owned()));
        }
        Err(CliError::missing(
            format!("settings are missing: {}", missing.join(", ")),
            "they are the worker's settings: see its task definition or Terraform's outputs",
        ))
    }

    /// The registry's path prefix in SSM.
    ///
    /// # Errors
    /// The prefix is invalid (exit code 2).
    pub(crate) fn prefix(&self) -> Result<String, CliError> {
        let text = self.0[Setting::RegistryPrefix as usize].as_deref().unwrap_or_default();
        values::prefix(text).map_err(|rule| invalid_setting(Setting::RegistryPrefix, text, &rule))
    }

    /// The build project of documents without `buildProject`.
    ///
    /// # Errors
    /// The name is invalid (exit code 2).
    pub(crate) fn default_build_project(&self) -> Result<Option<BuildProjectName>, CliError> {
        let text = self.value(Setting::DefaultBuildProject);
        let invalid = |rule: String| invalid_setting(Setting::DefaultBuildProject, text.unwrap_or_default(), &rule);
        text.map(str::parse).transpose().map_err(invalid)
    }

    /// How forges are reached from this machine, whose certificates apply: those of the worker's settings do not.
    ///
    /// # Errors
    /// An entry is not host:port (exit code 2).
    pub(crate) fn forge_network(&self) -> Result<ForgeNetwork, CliError> {
        let text = self.value(Setting::AllowPrivateForges).unwrap_or_default();
        let private_hosts =
            values::forge_hosts(text).map_err(|rule| invalid_setting(Setting::AllowPrivateForges, text, &rule))?;
        Ok(ForgeNetwork { private_hosts, ..ForgeNetwork::default() })
    }
}

fn parse(setting: Setting, text: &str) -> Result<(), String> {
    match setting {
        Setting::TopicArn => values::topic_arn(text),
        Setting::TriggerQueueUrl | Setting::EventQueueUrl | Setting::DlqUrl => values::queue_url(text),
        Setting::Table => values::table(text),
        Setting::RegistryPrefix => values::prefix(text),
        Setting::DefaultBuildProject | Setting::AllowPrivateForges => Ok(text.to_owned()),
    }
    .map(|_| ())
}

fn flag_and_variable(setting: Setting) -> String {
    let (flag, variable, ..) = setting.names();
    format!("--{flag} ({variable})")
}

fn invalid_setting(setting: Setting, text: &str, rule: &str) -> CliError {
    CliError::usage(
        format!("{}: invalid value \"{}\": {rule}", flag_and_variable(setting), text.escape_default()),
        "see doorbell --help",
    )
}
