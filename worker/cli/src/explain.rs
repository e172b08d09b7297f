//! `doorbell explain`: shows what the worker's `next()` would decide about a request, without any effect.

mod output;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use doorbell_adapters::forge::PagureReporter;
use doorbell_engine::domain::{
    Admission, BuildVariableKind, CountOutcome, DecisionContext, Effect, InstallationId, JobConfig, LaunchSpec,
    Observation, Phase, Policy, PolicyLookup, Row, SourceMessage, Timestamp, next,
};
use doorbell_engine::ports::{RefResolver, Unauthorized};
use doorbell_messages::{ARGV, COMMIT, Envelope, JobKey, ProjectName, Request, parse_build_variable_name};
use doorbell_registry::BuildProjectName;
use serde_json::{Map, Value};

use self::output::ExplainOutput;
use crate::error::{CliError, CommandOutcome};
use crate::git_host;
use crate::printer::Printer;
use crate::project::read_file;
use crate::registry::SsmRegistry;

#[derive(Debug, Args)]
#[command(after_help = "Nothing is published, written or started. The forge resolves the ref's head, as for the \
                        worker.\n\nExamples:\n  doorbell explain --project demo --branch main\n  doorbell explain \
                        --project demo --tag v1.2 --var STAGE=x\n  doorbell explain message.json\n\nExit codes: \
                        0 it would be built, 6 it would be rejected or end in the dead-letter queue")]
pub(crate) struct ExplainArguments {
    /// File with the request or its SNS envelope, `-` for standard input
    #[arg(value_name = "FILE", required_unless_present = "project", conflicts_with = "project")]
    message: Option<String>,
    /// The project of the request
    #[arg(long, value_name = "NAME")]
    project: Option<String>,
    /// The branch of the request
    #[arg(long, value_name = "NAME", requires = "project", allow_hyphen_values = true)]
    branch: Option<String>,
    /// The tag of the request
    #[arg(long, value_name = "NAME", requires = "project", allow_hyphen_values = true)]
    tag: Option<String>,
    /// The pull request of the request
    #[arg(long, value_name = "NUMBER", requires = "project")]
    pull_request: Option<u32>,
    /// The commit of the request
    #[arg(long, value_name = "ID", requires = "project", allow_hyphen_values = true)]
    commit: Option<String>,
    /// A variable of the request
    #[arg(long = "var", value_name = "NAME=VALUE", requires = "project", allow_hyphen_values = true)]
    variables: Vec<String>,
}

/// A limit that no request exceeds: requests to explain have no age.
const NO_LIMIT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Explains a request.
///
/// # Errors
/// The file or the registry cannot be read.
pub(crate) async fn explain(
    arguments: &ExplainArguments,
    registry: &SsmRegistry,
    reporter: &PagureReporter,
    fallback: Option<&BuildProjectName>,
    now: Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let body = match &arguments.message {
        Some(file) => unwrap_envelope(&read_file(file)?),
        None => arguments.request(),
    };
    let output = match Request::parse(&body) {
        Ok(request) => evaluate(&request, registry, reporter, fallback, now).await?,
        Err(error) => {
            ExplainOutput { verdict: "deadLetter", reason: Some(error.to_string()), ..ExplainOutput::default() }
        }
    };
    printer.print_result(&output, || output.lines(printer))?;
    Ok(match output.verdict {
        "built" | "pending" => CommandOutcome::Done,
        _ => CommandOutcome::Rejected,
    })
}

impl ExplainArguments {
    /// The request that `trigger_job` would publish; the worker's parser checks it.
    fn request(&self) -> String {
        let mut request = Map::new();
        let mut set = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                request.insert(name.to_owned(), value);
            }
        };
        set("project", self.project.clone().map(Value::from));
        set("branch", self.branch.clone().map(Value::from));
        set("tag", self.tag.clone().map(Value::from));
        set("pullRequest", self.pull_request.map(Value::from));
        set("commit", self.commit.clone().map(Value::from));
        let variables = self.variables.iter().map(|text| text.split_once('=').unwrap_or((text, "")));
        let variables: Map<String, Value> =
            variables.map(|(name, value)| (name.to_owned(), Value::from(value))).collect();
        set("variables", Some(variables.into()));
        Value::Object(request).to_string()
    }
}

/// The request inside SNS's envelope, if it is one.
fn unwrap_envelope(text: &str) -> String {
    Envelope::parse(text).map_or_else(|_| text.to_owned(), |envelope| envelope.message)
}

async fn evaluate(
    request: &Request,
    registry: &SsmRegistry,
    reporter: &PagureReporter,
    fallback: Option<&BuildProjectName>,
    now: Timestamp,
) -> Result<ExplainOutput, CliError> {
    let lookup = lookup_policy(&request.project, registry, fallback).await?;
    let warnings = match &lookup {
        PolicyLookup::Found(policy) => policy.warnings.iter().cloned().chain(redirect_warning(policy).await).collect(),
        _ => Vec::new(),
    };
    // A request without an id gets its SNS message id; here, a fixed one.
    let message = SourceMessage { id: "explain".to_owned(), sent_at: now };
    let key =
        JobKey::for_request(request, &message.id).map_err(|rule| CliError::usage(rule, "fix the request's id"))?;
    let row = Row::new(key, request.clone(), message, now);
    let config = engine_config();
    let context = DecisionContext {
        now,
        slot_available: true,
        forge_admission: Admission::Granted,
        topic_admission: Admission::Granted,
    };
    let mut decision = next(row, Observation::PolicyRead(lookup), context, &config);
    let head_request = decision.effects.iter().find_map(|effect| match effect {
        Effect::ResolveRef { policy, build_project, repository, git_ref } => {
            Some((policy, build_project, repository, git_ref))
        }
        _ => None,
    });
    if let Some((policy, build_project, repository, git_ref)) = head_request {
        let head = match reporter.resolve_ref(repository, git_ref, None).await {
            Ok(head) => head,
            Err(Unauthorized(reason)) => doorbell_engine::domain::RefResolution::Unavailable(reason),
        };
        let observation = Observation::RefResolved {
            policy: Arc::clone(policy),
            build_project: build_project.clone(),
            resolution: head,
        };
        decision = next(decision.row, observation, context, &config);
    }
    // It counts nothing: whether the hour has room for the request is known when it is published.
    let count = decision.effects.iter().find_map(|effect| match effect {
        Effect::CountJob { policy, build_project, commit, max_jobs } => {
            Some((Arc::clone(policy), build_project.clone(), commit.clone(), *max_jobs))
        }
        _ => None,
    });
    let max_jobs_per_hour = count.as_ref().map(|(.., max_jobs)| *max_jobs);
    if let Some((policy, build_project, commit, _)) = count {
        let outcome = CountOutcome::Counted;
        let observation = Observation::JobCounted { policy, build_project, commit, outcome };
        decision = next(decision.row, observation, context, &config);
    }
    let cancels = decision.effects.iter().find_map(|effect| match effect {
        Effect::CancelSeries(key) => Some(key.to_string()),
        _ => None,
    });
    Ok(ExplainOutput { warnings, max_jobs_per_hour, ..explain_row(&decision.row, cancels) })
}

/// That the repository's address redirects. A host that does not answer this machine may answer the build.
async fn redirect_warning(policy: &Policy) -> Option<String> {
    let client = git_host::client().ok()?;
    git_host::check_address(&client, &policy.document.git_url).await.redirect_problem()
}

async fn lookup_policy(
    project: &ProjectName,
    registry: &SsmRegistry,
    fallback: Option<&BuildProjectName>,
) -> Result<PolicyLookup, CliError> {
    Ok(match registry.documents(project).await? {
        None => PolicyLookup::NotRegistered,
        Some(documents) => match Policy::read(&documents, fallback) {
            Ok(policy) => PolicyLookup::Found(Arc::new(policy)),
            Err(error) => PolicyLookup::Invalid(error.to_string()),
        },
    })
}

fn explain_row(row: &Row, cancels: Option<String>) -> ExplainOutput {
    match &row.phase {
        Phase::Rejected { reason, .. } => {
            ExplainOutput { verdict: "rejected", reason: Some(reason.clone()), ..ExplainOutput::default() }
        }
        Phase::Accepted { launch, .. } | Phase::Starting { launch, .. } | Phase::Running { launch, .. } => {
            let target = row.reports.first().map(|entry| &entry.target);
            ExplainOutput {
                verdict: "built",
                build_project: Some(launch.target.to_string()),
                timeout_minutes: Some(launch.timeout_minutes),
                order: Some(launch.order),
                report: target.map(|target| format!("{} {}", target.to.url, target.to.repo)),
                ..from_build_spec(launch.spec.clone())
            }
        }
        Phase::Received | Phase::Finished { .. } => {
            let waiting_reason = row.trail.last().map(|entry| entry.message.clone());
            let reason = cancels.map(|job| format!("it would cancel the job {job}")).or(waiting_reason);
            ExplainOutput { verdict: "pending", reason, ..ExplainOutput::default() }
        }
    }
}

fn from_build_spec(spec: LaunchSpec) -> ExplainOutput {
    let mut output = ExplainOutput { pinned: spec.pinned, ..ExplainOutput::default() };
    for variable in spec.environment {
        match (variable.kind, variable.name.as_str()) {
            (BuildVariableKind::Plaintext, ARGV) => {
                output.command = serde_json::from_str(&variable.value).unwrap_or_default();
            }
            (BuildVariableKind::Plaintext, COMMIT) => output.commit = Some(variable.value),
            (BuildVariableKind::Plaintext, name) => {
                if let Some(Ok(name)) = parse_build_variable_name(name) {
                    output.variables.insert(name.into(), variable.value);
                }
            }
            (BuildVariableKind::Document | BuildVariableKind::Secret, _) => {
                output.credentials.push(variable.value);
            }
        }
    }
    output
}

fn engine_config() -> JobConfig {
    JobConfig {
        installation: InstallationId::from_ledger_arn("explain"),
        provider: doorbell_adapters::provider::CODEBUILD_PROFILE,
        max_request_age: NO_LIMIT,
        queue_timeout: NO_LIMIT,
        build_poll_interval: NO_LIMIT,
        publishes_done_events: false,
        console_url: String::new(),
    }
}
