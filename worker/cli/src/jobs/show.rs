use doorbell_adapters::aws::DynamoDbLedger;
use doorbell_engine::domain::{DesiredState, NotificationState, Phase, ReportEntry, Row, Timestamp};
use serde::Serialize;

use crate::error::{CliError, CommandOutcome};
use crate::jobs::find;
use crate::jobs::view::{JobView, TrailEntryView, commit, status_reason, trail};
use crate::printer::{
    Line, Printer, bold, dim, format_age, format_date_time, format_duration, format_time, harmless, status,
};

#[derive(Serialize)]
struct JobShowOutput {
    #[serde(flatten)]
    job: JobView,
    trail: Vec<TrailEntryView>,
}

/// Shows one job.
///
/// # Errors
/// There is no such job, or the table cannot be read.
pub(crate) async fn show(
    ledger: &DynamoDbLedger,
    name: &str,
    now: Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let row = find(ledger, name).await?;
    let output = JobShowOutput { job: JobView::from(&row), trail: trail(&row) };
    printer.print_result(&output, || {
        let lines = job_lines(&row, now).into_iter();
        lines.flat_map(|(line, indent)| printer.wrap_text(line, indent)).collect()
    })?;
    Ok(CommandOutcome::Done)
}

/// Lines, each with the indent of its continuations.
fn job_lines(row: &Row, now: Timestamp) -> Vec<(Line, usize)> {
    let reason = status_reason(row).map(|reason| format!(": {}", harmless(&reason))).unwrap_or_default();
    let mut lines = vec![(bold(row.key.as_str()), 0), (status(row.status()).then(reason), 0), blank_line()];
    let mut fact = |name: &str, text: String| lines.push((dim(&format!("{name:<7}")).then(" ").then(text), 8));
    fact("asked", format_request(row, now));
    fact("for", format_target(row));
    if let Some(build) = row.build() {
        fact("build", build.id.to_string());
        if let Some(url) = &build.log_url {
            fact("log", harmless(url));
        }
    }
    for ReportEntry { target, notification } in &row.reports {
        fact("report", format_report(notification, &format!("{} {}", target.to.url, target.to.repo)));
    }
    if let Some(waiting) = describe_wait(row, now) {
        fact("waiting", waiting);
    }
    lines.push(blank_line());
    // The trail of a job that was only received is empty.
    lines.push((dim(&format_time(row.received_at)).then(" received"), 9));
    for entry in &row.trail {
        lines.push((dim(&format_time(entry.at)).then(" ").then(harmless(&entry.message)), 9));
    }
    lines
}

fn blank_line() -> (Line, usize) {
    (Line::default(), 0)
}

fn format_request(row: &Row, now: Timestamp) -> String {
    let origin = row.request.origin.as_ref();
    let vendor = origin.and_then(|origin| origin.vendor.as_ref()).map(|vendor| format!("by {vendor}"));
    let url = origin.and_then(|origin| origin.build_url.as_ref()).map(ToString::to_string);
    let cause = row.request.cause.as_ref().map(ToString::to_string);
    let when = format!("{} ago, {} UTC", format_age(row.received_at, now), format_date_time(row.received_at));
    let all: Vec<String> = [Some(when), vendor, cause, url].into_iter().flatten().collect();
    harmless(&all.join(", "))
}

fn format_target(row: &Row) -> String {
    let commit = commit(row).map_or("the ref's tip".to_owned(), |commit| format!("commit {commit}"));
    let names: Vec<&str> = row.request.variables.iter().map(|(name, _)| name.as_str()).collect();
    let variables = if names.is_empty() { String::new() } else { format!(", with {}", names.join(", ")) };
    format!("{}, {commit}{variables}", row.git_ref())
}

fn format_report(notification: &NotificationState, destination: &str) -> String {
    match (&notification.undeliverable, notification.delivered) {
        (Some(reason), _) => format!("{destination}: permanently rejected: {}", harmless(reason)),
        (None, Some(report)) => format!("{destination}: {} at {}", report.status, format_time(report.at)),
        (None, None) => format!("{destination}: nothing reported yet"),
    }
}

/// What an unsettled row waits for, as text.
fn describe_wait(row: &Row, now: Timestamp) -> Option<String> {
    let due = row.due_at()?;
    let what = match (&row.phase, row.desired) {
        (Phase::Received, _) => "for the policy and the commit",
        (Phase::Accepted { .. }, DesiredState::Run) => "for a build slot",
        (Phase::Starting { .. }, _) => "for the outcome of StartBuild",
        (Phase::Running { .. }, DesiredState::Run) => "for the end of the build",
        (Phase::Accepted { .. } | Phase::Running { .. }, DesiredState::Cancel) => {
            "for the end of its build: a cancel is recorded"
        }
        (Phase::Finished { .. } | Phase::Rejected { .. }, _) => "for the status report to the forge",
    };
    let when = if due > now {
        format!("in {}", format_duration(due.duration_since(now)))
    } else {
        format!(
            "since {}; if this grows, no worker sweeps (`doorbell doctor`)",
            format_duration(now.duration_since(due))
        )
    };
    Some(format!("{what}; next check due {when}"))
}
