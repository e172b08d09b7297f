#![doc = include_str!("../README.md")]

mod build_command;
mod build_environment;
mod commit;
mod dead_letter;
mod envelope;
mod event;
mod git_ref;
mod git_url;
mod job_key;
mod name;
mod parse;
mod project;
mod project_rules;
mod registry;
mod report_config;
mod request;
mod runner_exit;
mod schema;
mod secret;
mod single_line_text;
mod status;
mod text;
mod variables;

pub use build_command::{BuildCommand, DeployDir};
pub use build_environment::{
    ARGV, BuildEnvironment, COMMIT, COMMIT_RULE, DEFAULT_DOCUMENT, DIRECTORY, EnvironmentError, GIT_CREDENTIALS,
    GIT_URL, JOB_ID, PROJECT, PROJECT_DOCUMENT, REF, TIMEOUT_SECONDS,
};
pub use commit::CommitId;
pub use dead_letter::DeadLetter;
pub use envelope::{Envelope, MAX_ENVELOPE_BYTES};
pub use event::{BuildEvent, BuildId, EventKind};
pub use git_ref::{GitRef, PullRequestNumber, RefName, RefPattern};
pub use git_url::GitUrl;
pub use job_key::JobKey;
pub use name::{BuildProjectName, ProjectName, RequestId, VariableName};
pub use parse::ParseError;
pub use project::ProjectDocument;
pub use project_rules::{CommitRule, OnUnknownStart, PullRequestRule, TimeoutMinutes};
pub use registry::{DocumentError, ParsedDocument};
pub use report_config::{ForgeKind, ForgeRepo, ForgeUrl, ReportConfig};
pub use request::{MAX_REQUEST_BYTES, Request, RequestAction, RequestOrigin};
pub use runner_exit::RunnerExit;
pub use schema::{project_schema, request_schema};
pub use secret::{GitCredentials, SecretId};
pub use single_line_text::SingleLineText;
pub use status::Status;
pub use variables::Variables;
