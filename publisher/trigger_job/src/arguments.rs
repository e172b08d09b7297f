use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use doorbell_messages::{VariableName, Variables};

use crate::failure::{TriggerFailure, TriggerFailureKind};
use doorbell_messages::text::{invalid, is_unsafe_in_line, quote};

/// Publish one build request to the topic of a Doorbell installation.
///
/// It needs one permission, sns:Publish on that topic. It calls SNS only, and STS for a role by OIDC. It does not wait for
/// the build.
#[derive(Debug, Parser)]
#[command(
    name = "trigger_job",
    version,
    after_help = AFTER_HELP,
    max_term_width = 120,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    subcommand_value_name = "COMMAND"
)]
pub struct TriggerArguments {
    /// Print something else instead.
    #[command(subcommand)]
    pub command: Option<PrintCommand>,

    // Values stay strings here and are validated later: clap quotes an invalid value unescaped, and a branch name or a
    // title with control characters or "\n::command::" would reach the CI's log.
    /// The project, as the owner's registry names it [env: DOORBELL_PROJECT, IWOMPINAWS_PROJECT; else the repository's
    /// name, from the CI or the git remote "origin"]
    pub project: Option<String>,

    /// The branch to build [env: DOORBELL_BRANCH; else the branch, tag or pull request of the CI's build; outside of a
    /// CI GIT_BRANCH or the branch that is checked out here]
    pub branch: Option<String>,

    /// The topic, as the third argument of iwomp-in-aws' script; the same as --topic-arn
    #[arg(value_name = "TOPIC_ARN", conflicts_with = "topic_arn")]
    pub positional_topic_arn: Option<String>,

    /// More arguments than there are, to name the first in an error of our own.
    #[arg(hide = true)]
    stray: Vec<String>,

    /// The topic to publish to; its Region is used [env: DOORBELL_TOPIC_ARN, IWOMPINAWS_TOPIC_ARN]
    #[arg(long, value_name = "ARN", allow_hyphen_values = true)]
    pub topic_arn: Option<String>,

    /// Build this tag instead of a branch
    #[arg(long, value_name = "NAME", allow_hyphen_values = true, conflicts_with = "pull_request")]
    pub tag: Option<String>,

    /// Build this pull request instead of a branch
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    pub pull_request: Option<String>,

    /// Build exactly this commit (its full id), which must be on the ref [default: the head that the CI's build is of;
    /// else the ref's tip]
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub commit: Option<String>,

    /// Set the request's id: the same command with the same id is one job [default: derived from the CI's build and the
    /// commit; else random]
    #[arg(long, value_name = "ID", allow_hyphen_values = true)]
    pub id: Option<String>,

    /// The reason, for people: its first line is published, cut to 500 bytes
    // Not a String: a commit's message need not be Unicode.
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub cause: Option<OsString>,

    /// Set a variable in the build, if the project allows that name; may be repeated
    #[arg(long = "var", value_name = "NAME=VALUE", allow_hyphen_values = true)]
    pub variables: Vec<String>,

    /// Cancel the job that the same command without --cancel started; needs its --id
    #[arg(long)]
    pub cancel: bool,

    /// Build the commit even if a newer one of the ref was built, as for a rollback; the project's registry entry must
    /// permit it (allowOlder)
    #[arg(long)]
    pub allow_older: bool,

    /// Publish even if this CI's build is of a pull request from a fork; the registry decides what it may do
    #[arg(long)]
    pub allow_fork: bool,

    /// Do not read the CI's variables
    #[arg(long)]
    pub no_detect: bool,

    /// Assume this role with an OIDC token [env: DOORBELL_ROLE_ARN]: DOORBELL_ID_TOKEN, or the token of GitHub,
    /// CircleCI or Bitbucket
    #[arg(long, value_name = "ARN", allow_hyphen_values = true)]
    pub role_arn: Option<String>,

    /// Read missing values from this file [env: DOORBELL_CONFIG; else .doorbell.toml here, or
    /// doorbell/config.toml in $XDG_CONFIG_HOME]
    #[arg(long, value_name = "FILE")]
    pub config: Option<String>,

    /// Write the job to this file as DOORBELL_JOB=... (GitLab: artifacts:reports:dotenv) [env: DOORBELL_DOTENV]
    #[arg(long, value_name = "FILE")]
    pub dotenv: Option<String>,

    /// Print each value with its source, and publish nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub show_context: bool,

    /// Print what would be published, without network or credentials
    #[arg(long)]
    pub dry_run: bool,

    /// How to print the result
    #[arg(long, value_enum, default_value_t = ResultFormat::Text, value_name = "FORMAT")]
    pub output: ResultFormat,
}

/// The commands that print something and publish nothing.
///
/// A project with one of these names is set in `DOORBELL_PROJECT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum PrintCommand {
    /// Print the completions for a shell
    #[command(
        after_help = "Example:\n  trigger_job completions bash >~/.local/share/bash-completion/completions/trigger_job"
    )]
    Completions {
        /// The shell
        #[arg(value_enum, value_name = "SHELL")]
        shell: Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  trigger_job man | man -l -")]
    Man,
}

/// How a result is printed on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ResultFormat {
    /// The job, alone on one line
    Text,
    /// One JSON object on one line
    Json,
}

const AFTER_HELP: &str = "\
The command line wins over the environment, that over the CI's build, that over the git checkout, and that over the
config file. An empty argument or variable counts as missing. --show-context prints each value with its source.
The prefix \"origin/\" of Jenkins is removed from GIT_BRANCH. A detached checkout has no branch.
Detected CIs: GitHub, Gitea and Forgejo Actions, GitLab, Travis, CircleCI, Buildkite, Bitbucket, Woodpecker, Drone, Jenkins,
Azure Pipelines. A build of a fork's pull request publishes nothing without --allow-fork.
Credentials are found as by every AWS tool: environment, profile, OIDC role, container, instance.

Examples:
  trigger_job
  trigger_job --show-context
  trigger_job demo main --topic-arn arn:aws:sns:eu-west-1:123456789012:doorbell
  trigger_job demo --role-arn arn:aws:iam::123456789012:role/doorbell-publisher
  trigger_job demo --tag v1.2.0 --var STAGE=production --cause=\"release 1.2.0\"
  trigger_job demo --id 7 && trigger_job demo --id 7 --cancel

Exit codes:
  0    published, or printed
  2    an argument or a value is invalid
  3    project, branch or topic is missing, or the build is of a fork's pull request
  4    missing credentials, or credentials that may not publish to the topic
  5    not published after 30 seconds of retries; a retry with the same --id starts no second build
  130  interrupted";

impl TriggerArguments {
    /// Parses this process's command line. It prints help, version and clap's own errors, and exits.
    ///
    /// # Errors
    /// [`crate::TriggerFailureKind::Usage`], where clap's error would quote an argument that could forge lines of a log.
    pub fn from_command_line() -> Result<Self, TriggerFailure> {
        Self::try_parse().or_else(|error| {
            let arguments: Vec<_> =
                std::env::args_os().skip(1).map(|text| text.to_string_lossy().into_owned()).collect();
            match arguments.iter().find(|text| text.chars().any(is_unsafe_in_line)) {
                Some(text) if error.use_stderr() => {
                    Err(TriggerFailure::invalid(&format!("{}: {}", error.kind(), quote(text))))
                }
                _ => error.exit(),
            }
        })
    }

    /// A fourth argument, as an error. It is mostly a word of a text that was not quoted.
    pub(crate) fn stray_argument(&self) -> Option<TriggerFailure> {
        let first = self.stray.first()?;
        let what = format!("there are more than three arguments: {}", quote(first));
        Some(TriggerFailure::new(
            TriggerFailureKind::Usage,
            what,
            "quote each value of an option, as in --cause=\"$TITLE\"",
        ))
    }

    /// The variables of `--var`.
    ///
    /// # Errors
    /// [`crate::TriggerFailureKind::Usage`], with the rule that a value breaks.
    pub(crate) fn request_variables(&self) -> Result<Variables, TriggerFailure> {
        let mut variables = BTreeMap::new();
        for text in &self.variables {
            let (name, value) = parse_assignment(text).map_err(|rule| TriggerFailure::invalid_value("--var", rule))?;
            if let Some(_previous) = variables.insert(name.clone(), value) {
                return Err(TriggerFailure::invalid_value("--var", format!("{name} is given more than once")));
            }
        }
        variables.try_into().map_err(|rule: String| TriggerFailure::invalid_value("--var", rule))
    }
}

fn parse_assignment(text: &str) -> Result<(VariableName, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.parse()?, value.to_owned())),
        None => Err(invalid(text, "NAME=VALUE")),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn trigger_job_command_line_definition_is_valid() {
        TriggerArguments::command().debug_assert();
    }

    #[track_caller]
    fn check(arguments: &[&str], want: Result<&[(&str, &str)], &str>) {
        let arguments = TriggerArguments::try_parse_from([&["trigger_job"], arguments].concat()).unwrap();
        match (arguments.request_variables(), want) {
            (Ok(found), Ok(want)) => {
                let found: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value)).collect();
                assert_eq!(found, want);
            }
            (found, want) => assert_eq!(found.map_err(|failure| failure.what).err().as_deref(), want.err()),
        }
    }

    #[test]
    fn variables_are_parsed_and_errors_quoted() {
        check(&[], Ok(&[]));
        check(&["--var", "B=x=y", "--var", "A="], Ok(&[("A", ""), ("B", "x=y")]));
        check(&["--var", "A"], Err("--var: invalid value \"A\": expected NAME=VALUE"));
        check(&["--var", "A=1", "--var", "A=2"], Err("--var: A is given more than once"));
        check(
            &["--var", "1A=1"],
            Err(
                "--var: invalid value \"1A\": expected a variable name: 1 to 128 of A-Z a-z 0-9 _, not beginning with a digit",
            ),
        );
    }
}
