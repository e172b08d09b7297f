//! `doorbell doctor`: checks each link from the topic to the forge, and shows the command that fixes a broken one. It
//! writes nothing.

mod arn_scope;
mod build_quota;
mod builds;
mod check;
mod clock;
mod git_hosts;
mod ledger;
mod pinned;
mod policy;
mod queues;
mod registry;
mod roles;
mod rules;
mod simulator;
mod topic;
mod worker_role;

use clap::Args;
use doorbell_engine::domain::Timestamp;
use doorbell_engine::ports::Clock;
use serde::Serialize;

use crate::account::OwnerAccount;
use crate::doctor::check::{Check, CheckState};
use crate::doctor::rules::EventRule;
use crate::error::{CliError, CommandOutcome};
use crate::installation::{Installation, Setting};
use crate::printer::{Line, Printer, bold, dim, pluralize};
use crate::registry::SsmRegistry;
use crate::sigv4_client::SigV4Client;
use doorbell_adapters::aws::AwsCallError;
use doorbell_adapters::forge::PagureReporter;
use tokio::sync::OnceCell;

#[derive(Debug, Args)]
#[command(after_help = "It writes and builds nothing. It exits with 0 if no check fails, and with 1 otherwise; a \
                        warning is not a failure.\n\nExamples:\n  doorbell doctor\n  doorbell doctor --quiet\n  doorbell doctor \
                        --output json | jq .healthy")]
pub(crate) struct DoctorArguments {
    /// Show only checks that are not ok
    #[arg(long, short)]
    quiet: bool,
}

/// Inputs of the checks.
struct DoctorContext<'a> {
    account: &'a OwnerAccount,
    sigv4: &'a SigV4Client,
    registry: SsmRegistry,
    reporter: &'a PagureReporter,
    installation: &'a Installation,
    topic_arn: String,
    trigger_queue_url: String,
    event_queue_url: String,
    dlq_url: String,
    now: Timestamp,
    rules: OnceCell<Result<Vec<EventRule>, AwsCallError>>,
}

#[derive(Serialize)]
struct DoctorReport {
    healthy: bool,
    checks: Vec<Check>,
}

/// Runs all checks, independent ones at once.
///
/// # Errors
/// A setting is missing.
pub(crate) async fn doctor(
    arguments: &DoctorArguments,
    account: &OwnerAccount,
    installation: &Installation,
    now: Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let [topic_arn, trigger_queue_url, event_queue_url, dlq_url, _] = installation.read([
        Setting::TopicArn,
        Setting::TriggerQueueUrl,
        Setting::EventQueueUrl,
        Setting::DlqUrl,
        Setting::Table,
    ])?;
    let reporter = PagureReporter::new(installation.forge_network()?).map_err(|error| {
        CliError::operation_failed(format!("cannot create an HTTPS client: {error}"), "check SSL_CERT_FILE")
    })?;
    let sigv4 = SigV4Client::new(account.sdk())?;
    let mut context = DoctorContext {
        account,
        sigv4: &sigv4,
        registry: account.registry(installation)?,
        reporter: &reporter,
        installation,
        topic_arn,
        trigger_queue_url,
        event_queue_url,
        dlq_url,
        now,
        rules: OnceCell::new(),
    };
    let first = clock::check(&context).await;
    if first.iter().any(|check| check.name == "identity" && check.state == CheckState::Failure) {
        // Without valid credentials every other call would fail, too.
        return print_report(first, arguments, printer);
    }
    // Ages are measured by AWS's clock, not by this machine's.
    context.now = account.clock().now().unwrap_or(now);
    let (topic, queues, rules, ledger, registry) = futures_util::join!(
        topic::check(&context),
        queues::check(&context),
        rules::check(&context),
        ledger::check(&context),
        registry::check(&context)
    );
    print_report([first, topic, queues, rules, ledger, registry].concat(), arguments, printer)
}

fn print_report(checks: Vec<Check>, arguments: &DoctorArguments, printer: Printer) -> Result<CommandOutcome, CliError> {
    let healthy = checks.iter().all(|check| check.state != CheckState::Failure);
    let report_output = DoctorReport { healthy, checks };
    printer.print_result(&report_output, || {
        let shown = report_output.checks.iter().filter(|check| !arguments.quiet || check.state != CheckState::Ok);
        shown.flat_map(|check| format_check(check, printer)).collect()
    })?;
    let count = |state: CheckState| report_output.checks.iter().filter(|check| check.state == state).count();
    let (failures, warnings, skipped) =
        (count(CheckState::Failure), count(CheckState::Warning), count(CheckState::Skipped));
    let all = pluralize(report_output.checks.len(), "check");
    printer.note(&format!("{all}: {failures} failed, {warnings} warned, {skipped} skipped"));
    Ok(if healthy { CommandOutcome::Done } else { CommandOutcome::Failed })
}

fn format_check(check: &Check, printer: Printer) -> Vec<Line> {
    let (word, style) = check.state.label();
    let name = Line::styled(style, word).then(" ").then(bold(&check.name));
    let mut lines = printer.wrap_text(name.then(": ").then(&check.message), 8);
    if let Some(fix) = &check.fix {
        lines.extend(printer.wrap_text(Line::from("        ").then(dim("fix:")).then(" ").then(fix), 14));
    }
    lines
}
