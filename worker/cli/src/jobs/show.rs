use doorbell_adapters::aws::DynamoDbLedger;
use doorbell_engine::domain::{
    DesiredState, DoneEventState, NotificationState, Phase, ReportEntry, Row, Timestamp, TurnWait,
};
use doorbell_messages::JobKey;
use serde::Serialize;

use crate::error::{CliError, CommandOutcome};
use crate::jobs::find;
use crate::jobs::view::{
    JobView, SeriesJobView, TrailEntryView, commit, later_jobs, repeated_at, status_reason, trail,
};
use crate::printer::{
    Line, Printer, bold, dim, format_age, format_date_time, format_duration, format_time, harmless, status,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct JobShowOutput {
    #[serde(flatten)]
    job: JobView,
    repeated_at: Option<String>,
    followed_by: Option<String>,
    later_jobs: Vec<SeriesJobView>,
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
    let later_keys: Vec<JobKey> = row.series.iter().map(|entry| row.entry_key(entry)).collect();
    let output = JobShowOutput {
        job: JobView::from(&row),
        repeated_at: repeated_at(&row).map(|at| at.to_string()),
        followed_by: row.followed_by.as_ref().map(JobKey::to_string),
        later_jobs: later_jobs(&row, &ledger.rows(&later_keys).await?.rows),
        trail: trail(&row),
    };
    printer.print_result(&output, || {
        let lines = job_lines(&row, &output.later_jobs, now).into_iter();
        lines.flat_map(|(line, indent)| printer.wrap_text(line, indent)).collect()
    })?;
    Ok(CommandOutcome::Done)
}

/// Lines, each with the indent of its continuations.
fn job_lines(row: &Row, later_jobs: &[SeriesJobView], now: Timestamp) -> Vec<(Line, usize)> {
    let reason = status_reason(row).map(|reason| format!(": {}", harmless(&reason))).unwrap_or_default();
    let mut lines = vec![(bold(row.key.as_str()), 0), (status(row.status()).then(reason), 0), blank_line()];
    let mut fact = |name: &str, text: String| lines.push((dim(&format!("{name:<7}")).then(" ").then(text), 8));
    fact("asked", format_request(row, now));
    if let Some(repeated) = describe_repeat(row) {
        fact("again", repeated);
    }
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
    if let Some(state) = &row.done_event {
        fact("event", format_done_event(state));
    }
    if let Some(waiting) = describe_wait(row, now) {
        fact("waiting", waiting);
    }
    for later in later_jobs {
        fact("later", format!("{} {}, published {}", later.job, later.status.unwrap_or("no row"), later.published_at));
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

/// What became of the latest repeat of the request.
fn describe_repeat(row: &Row) -> Option<String> {
    let at = format_time(repeated_at(row)?);
    Some(match &row.followed_by {
        Some(key) => format!("asked again at {at}; that is {key} now"),
        None => format!("asked again at {at}; still this job"),
    })
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

fn format_done_event(state: &DoneEventState) -> String {
    match (&state.given_up, state.published_at) {
        (Some(reason), _) => format!("given up: {}", harmless(reason)),
        (None, Some(at)) => format!("published at {}", format_time(at)),
        (None, None) => "not published yet".to_owned(),
    }
}

/// Whether a row that is over owes nothing but its done event.
fn owes_event_only(row: &Row) -> bool {
    row.done_event.as_ref().is_some_and(DoneEventState::is_owed)
        && row.reports.iter().all(|entry| {
            let delivered = entry.notification.delivered.map(|report| report.status);
            entry.notification.undeliverable.is_some() || delivered == Some(row.status())
        })
}

/// What an unsettled row waits for, as text.
fn describe_wait(row: &Row, now: Timestamp) -> Option<String> {
    let due = row.due_at()?;
    let what = match (&row.phase, row.desired) {
        (Phase::Received, _) => "for the policy and the commit",
        (Phase::Accepted { turn: Some(TurnWait::Behind(job)), .. }, DesiredState::Run) => {
            &format!("for {job} on the same ref")
        }
        (Phase::Accepted { turn: Some(TurnWait::Next), .. }, DesiredState::Run) => "for its turn on the same ref",
        (Phase::Accepted { turn: Some(TurnWait::Full), .. }, DesiredState::Run) => {
            "for room: too many jobs wait on the same ref"
        }
        (Phase::Accepted { .. }, DesiredState::Run) => "for a build slot",
        (Phase::Starting { .. }, _) => "for the outcome of StartBuild",
        (Phase::Running { .. }, DesiredState::Run) => "for the end of the build",
        (Phase::Accepted { .. } | Phase::Running { .. }, DesiredState::Cancel) => {
            "for the end of its build: a cancel is recorded"
        }
        (Phase::Finished { .. } | Phase::Rejected { .. }, _) if owes_event_only(row) => "for the topic of done events",
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

#[cfg(test)]
mod tests {
    use doorbell_engine::domain::{SourceMessage, TrailEntry, TrailKind};
    use doorbell_messages::Request;

    use super::*;

    #[test]
    fn job_shows_its_repeat_and_its_series() {
        let sent_at = Timestamp::from_millis(1_795_262_640_000);
        let request = Request::parse(r#"{"project":"demo","branch":"main","id":"a"}"#).unwrap();
        let message = SourceMessage { id: "m1".to_owned(), sent_at };
        let mut row = Row::new(JobKey::for_request(&request, "m1").unwrap(), request, message, sent_at);
        assert_eq!(describe_repeat(&row), None);
        let entry = TrailEntry { at: sent_at, kind: TrailKind::Repeated, message: "asked again".to_owned() };
        row.trail.push(entry);
        let at = format_time(sent_at);
        assert_eq!(describe_repeat(&row), Some(format!("asked again at {at}; still this job")));
        row = row.with_later_job(&SourceMessage { id: "m2".to_owned(), sent_at });
        let later = row.key.later_job("m2");
        let lines = job_lines(&row, &later_jobs(&row, &[]), sent_at);
        let expected = format!("{later} no row, published {sent_at}");
        assert!(lines.iter().any(|(line, _)| format!("{line:?}").contains(&expected)), "{lines:?}");
        row.followed_by = Some(later.clone());
        assert_eq!(describe_repeat(&row), Some(format!("asked again at {at}; that is {later} now")));
    }

    #[test]
    fn job_shows_what_became_of_its_done_event() {
        let sent_at = Timestamp::from_millis(1_795_262_640_000);
        let request = Request::parse(r#"{"project":"demo","branch":"main","id":"a"}"#).unwrap();
        let message = SourceMessage { id: "m1".to_owned(), sent_at };
        let mut row = Row::new(JobKey::for_request(&request, "m1").unwrap(), request, message, sent_at);
        row.phase = Phase::Rejected { kind: None, reason: "no".to_owned(), at: sent_at };
        row.phase_due_at = None;
        let owed = DoneEventState { due_at: Some(sent_at), ..DoneEventState::default() };
        row.done_event = Some(owed.clone());
        assert!(describe_wait(&row, sent_at).unwrap().starts_with("for the topic of done events"));
        assert_eq!(format_done_event(&owed), "not published yet");
        let published = DoneEventState { published_at: Some(sent_at), ..owed.clone() };
        assert_eq!(format_done_event(&published), format!("published at {}", format_time(sent_at)));
        let given_up = DoneEventState { given_up: Some("gone\u{1b}[2J".to_owned()), ..owed };
        assert!(!format_done_event(&given_up).contains('\u{1b}'));
    }
}
