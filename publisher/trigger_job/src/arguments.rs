use std::collections::BTreeMap;

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use doorbell_messages::{GitRef, ProjectName, Request, RequestAction, VariableName, Variables};

use crate::failure::TriggerFailure;
use doorbell_messages::text::invalid;

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

    /// The branch to build [env: DOORBELL_BRANCH, GIT_BRANCH; else the branch, tag or pull request of the CI's build,
    /// or the branch that is checked out here]
    pub branch: Option<String>,

    /// The topic, as the third argument of iwomp-in-aws' script; the same as --topic-arn
    #[arg(value_name = "TOPIC_ARN", conflicts_with = "topic_arn")]
    pub positional_topic_arn: Option<String>,

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

    /// The reason, one line for people
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub cause: Option<String>,

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
    /// The request that these arguments make of `project` and `git_ref`.
    ///
    /// # Errors
    /// [`crate::TriggerFailureKind::Usage`], with the rule that a value breaks.
    pub fn request(&self, project: ProjectName, git_ref: GitRef) -> Result<Request, TriggerFailure> {
        Ok(Request {
            project,
            git_ref,
            id: parse_option("--id", self.id.as_deref())?,
            action: if self.cancel { RequestAction::Cancel } else { RequestAction::Start },
            commit: parse_option("--commit", self.commit.as_deref())?,
            cause: parse_option("--cause", self.cause.as_deref())?,
            origin: None,
            watch: None,
            once: false,
            allow_older: self.allow_older,
            commit_rule: None,
            variables: self.request_variables()?,
        })
    }

    fn request_variables(&self) -> Result<Variables, TriggerFailure> {
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

pub(crate) fn parse_option<T>(name: &str, text: Option<&str>) -> Result<Option<T>, TriggerFailure>
where
    T: std::str::FromStr<Err = String>,
{
    text.map(str::parse).transpose().map_err(|rule| TriggerFailure::invalid_value(name, rule))
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
    fn check(arguments: &[&str], want: Result<&str, &str>) {
        let arguments = TriggerArguments::try_parse_from([&["trigger_job"], arguments].concat()).unwrap();
        let request = arguments.request("demo".parse().unwrap(), GitRef::Branch("main".parse().unwrap()));
        let body = request.map(|request| request.to_json()).map_err(|failure| failure.what);
        assert_eq!(body.as_deref().map_err(String::as_str), want);
    }

    #[test]
    fn options_map_to_request_fields() {
        check(&[], Ok(r#"{"project":"demo","branch":"main"}"#));
        check(&["--id", "7", "--cancel"], Ok(r#"{"project":"demo","branch":"main","id":"7","action":"cancel"}"#));
        check(&["--allow-older"], Ok(r#"{"project":"demo","branch":"main","allowOlder":true}"#));
        check(&["--cause=-v"], Ok(r#"{"project":"demo","branch":"main","cause":"-v"}"#));
        check(
            &["--var", "B=x=y", "--var", "A="],
            Ok(r#"{"project":"demo","branch":"main","variables":{"A":"","B":"x=y"}}"#),
        );
        let commit = "0123456789abcdef0123456789abcdef01234567";
        check(&["--commit", commit], Ok(&format!(r#"{{"project":"demo","branch":"main","commit":"{commit}"}}"#)));
    }

    #[test]
    fn invalid_option_value_is_rejected_on_one_line() {
        check(&["--id", ""], Err("--id: invalid value \"\": expected 1 to 64 of A-Z a-z 0-9 . _ -"));
        check(
            &["--commit", "abc123"],
            Err("--commit: invalid value \"abc123\": expected a full commit id: 40 or 64 hexadecimal digits"),
        );
        check(
            &["--cause", "a\n::error::b"],
            Err(
                "--cause: invalid value \"a\\n::error::b\": expected one line without control or direction-changing characters",
            ),
        );
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
