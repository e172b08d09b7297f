//! `doorbell doctor`: walks the whole chain from the topic to the forge, and says of each link whether it holds, what
//! it means if not, and the command that mends it. It writes nothing.

mod builds;
mod check;
mod clock;
mod ledger;
mod place;
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

use crate::account::Account;
use crate::doctor::check::{Check, State};
use crate::doctor::rules::Rule;
use crate::failure::{Failure, Outcome};
use crate::installation::{Installation, Setting};
use crate::registry::Registry;
use crate::screen::{Screen, bold, counted, dim, painted};
use crate::signed::Signed;
use doorbell_worker::{CallFailed, Forges};
use tokio::sync::OnceCell;

#[derive(Debug, Args)]
#[command(
    after_help = "It writes nothing, and builds nothing. It ends with 0 if nothing is broken (warnings are not), and \
                        with 1 if something is.\n\nExamples:\n  doorbell doctor\n  doorbell doctor --quiet\n  doorbell doctor \
                        --output json | jq .healthy"
)]
pub(crate) struct DoctorArguments {
    /// Show only what is not well
    #[arg(long, short)]
    quiet: bool,
}

/// All that the checks are made with.
struct Patient<'a> {
    account: &'a Account,
    signed: &'a Signed,
    registry: Registry,
    forges: &'a Forges,
    installation: &'a Installation,
    topic_arn: String,
    trigger_queue_url: String,
    event_queue_url: String,
    dlq_url: String,
    now: Timestamp,
    rules: OnceCell<Result<Vec<Rule>, CallFailed>>,
}

#[derive(Serialize)]
struct Examined {
    healthy: bool,
    checks: Vec<Check>,
}

/// Makes all checks, those that don't build on each other at once.
///
/// # Errors
/// A setting is missing: without it half the chain can't be looked at.
pub(crate) async fn doctor(
    arguments: &DoctorArguments,
    account: &Account,
    installation: &Installation,
    now: Timestamp,
    screen: Screen,
) -> Result<Outcome, Failure> {
    let [topic_arn, trigger_queue_url, event_queue_url, dlq_url, _] = installation.read([
        Setting::TopicArn,
        Setting::TriggerQueueUrl,
        Setting::EventQueueUrl,
        Setting::DlqUrl,
        Setting::Table,
    ])?;
    let forges = Forges::new(installation.allow_private_forges()?)
        .map_err(|error| Failure::not_done(format!("no HTTPS client: {error}"), "is SSL_CERT_FILE right?"))?;
    let signed = Signed::new(account.sdk())?;
    let mut patient = Patient {
        account,
        signed: &signed,
        registry: Registry::new(account, installation.prefix()?),
        forges: &forges,
        installation,
        topic_arn,
        trigger_queue_url,
        event_queue_url,
        dlq_url,
        now,
        rules: OnceCell::new(),
    };
    let first = clock::check(&patient).await;
    if first.iter().any(|check| check.name == "identity" && check.state == State::Failure) {
        // Nobody else would answer, either.
        return report(first, arguments, screen);
    }
    // What is late is late by AWS's clock, whatever this machine's says.
    patient.now = account.clock().now().unwrap_or(now);
    let (topic, queues, rules, ledger, registry) = futures_util::join!(
        topic::check(&patient),
        queues::check(&patient),
        rules::check(&patient),
        ledger::check(&patient),
        registry::check(&patient)
    );
    report([first, topic, queues, rules, ledger, registry].concat(), arguments, screen)
}

fn report(checks: Vec<Check>, arguments: &DoctorArguments, screen: Screen) -> Result<Outcome, Failure> {
    let healthy = checks.iter().all(|check| check.state != State::Failure);
    let examined = Examined { healthy, checks };
    screen.result(&examined, || {
        let shown = examined.checks.iter().filter(|check| !arguments.quiet || check.state != State::Ok);
        shown.flat_map(|check| lines(check, screen)).collect()
    })?;
    let count = |state: State| examined.checks.iter().filter(|check| check.state == state).count();
    let (failures, warnings, skipped) = (count(State::Failure), count(State::Warning), count(State::Skipped));
    let all = counted(examined.checks.len(), "check");
    screen.note(&format!("{all}: {failures} failed, {warnings} warned, {skipped} skipped"));
    Ok(if healthy { Outcome::Done } else { Outcome::Failed })
}

fn lines(check: &Check, screen: Screen) -> Vec<String> {
    let (word, style) = check.state.shown();
    let mut lines = screen.wrapped(&format!("{} {}: {}", painted(style, word), bold(&check.name), check.text), 8);
    if let Some(mend) = &check.mend {
        lines.extend(screen.wrapped(&format!("        {} {mend}", dim("mend:")), 14));
    }
    lines
}
