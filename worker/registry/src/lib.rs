#![doc = include_str!("../README.md")]

mod build_command;
mod build_project_name;
mod parse;
mod pinned;
mod project;
mod project_rules;
mod report_config;
#[cfg(feature = "schema")]
mod schema;
mod secret;
mod value_pattern;
mod variable_rule;

pub use build_command::BuildCommand;
pub use build_project_name::BuildProjectName;
pub use parse::{DocumentError, ParsedDocument};
pub use pinned::{DEFAULT_TIMEOUT_MINUTES, RUNNER_TIMEOUT_MARGIN_SECONDS};
pub use project::ProjectDocument;
pub use project_rules::{AnnounceRule, MaxJobsPerHour, OnUnknownStart, OrderRule, PullRequestRule, TimeoutMinutes};
pub use report_config::{ForgeKind, ForgeRepo, ForgeUrl, ReportConfig};
#[cfg(feature = "schema")]
pub use schema::project_schema;
pub use secret::{GitCredentials, SecretId};
pub use value_pattern::ValuePattern;
pub use variable_rule::{AllowedVariables, MaxLength, VariableRule};
