#![doc = include_str!("../README.md")]

mod build_environment;
mod checkout_options;
mod commit;
mod commit_rule;
mod dead_letter;
mod deploy_dir;
mod done_event;
mod envelope;
mod event;
mod git_ref;
mod git_url;
mod job_key;
mod name;
pub mod parse;
mod pinned_environment;
mod redactor;
mod ref_pattern;
mod request;
mod request_variable;
mod reserved_variable;
mod runner_exit;
#[cfg(feature = "schema")]
mod schema;
mod single_line_text;
mod status;
pub mod text;
mod variables;
mod watch_hash;

pub use build_environment::{
    ARGV, BuildEnvironment, CHECKOUT, COMMIT, COMMIT_RULE, DEFAULT_DOCUMENT, DIRECTORY, EnvironmentError,
    GIT_CREDENTIALS, GIT_URL, JOB_ID, JOB_VARIABLES, NOT_OLDER_THAN, PROJECT, PROJECT_DOCUMENT, REF, TIMEOUT_SECONDS,
};
pub use checkout_options::{CheckoutDepth, CheckoutHistory, CheckoutOptions};
pub use commit::CommitId;
pub use commit_rule::CommitRule;
pub use dead_letter::DeadLetter;
pub use deploy_dir::DeployDir;
pub use done_event::{DoneEvent, DoneTimes, ProviderRun};
pub use envelope::{Envelope, MAX_ENVELOPE_BYTES};
pub use event::{BuildEvent, BuildId, EventKind};
pub use git_ref::{GitRef, PullRequestNumber, RefName};
pub use git_url::GitUrl;
pub use job_key::JobKey;
pub use name::{ProjectName, RequestId, VariableName};
pub use parse::ParseError;
pub use pinned_environment::{APPEND_REF, PINNED, PROGRAM, PinnedEnvironment, REFS, VARIABLES};
pub use redactor::{MIN_SECRET_BYTES, REDACTED, Redactor, check_secret_length};
pub use ref_pattern::RefPattern;
pub use request::{MAX_REQUEST_BYTES, Request, RequestAction, RequestCommitRule, RequestOrigin};
pub use request_variable::{REQUEST_VARIABLE_PREFIX, build_variable_name, parse_build_variable_name};
pub use reserved_variable::{RESERVED_SUFFIX, RESERVED_VARIABLES, ReservedVariables, is_reserved_variable};
pub use runner_exit::RunnerExit;
#[cfg(feature = "schema")]
pub use schema::{done_event_schema, request_schema, schema_of};
pub use single_line_text::SingleLineText;
pub use status::Status;
pub use variables::Variables;
pub use watch_hash::WatchHash;
