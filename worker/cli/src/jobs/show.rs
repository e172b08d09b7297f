use doorbell_engine::domain::{Phase, Row, Timestamp, Wanted};
use doorbell_worker::Table;
use serde::Serialize;

use crate::failure::{Failure, Outcome};
use crate::jobs::find;
use crate::jobs::view::{JobView, NoteView, commit, trail, words};
use crate::screen::{Screen, ago, bold, clock, date, dim, harmless, span, status};

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    job: JobView,
    trail: Vec<NoteView>,
}

/// One job's story.
///
/// # Errors
/// There is no such job, or the table can't be read.
pub(crate) async fn show(ledger: &Table, name: &str, now: Timestamp, screen: Screen) -> Result<Outcome, Failure> {
    let row = find(ledger, name).await?;
    let shown = Shown { job: JobView::from(&row), trail: trail(&row) };
    screen.result(&shown, || {
        let lines = story(&row, now).into_iter();
        lines.flat_map(|(text, indent)| screen.wrapped(&text, indent)).collect()
    })?;
    Ok(Outcome::Done)
}

/// Lines, and how far their continuations stand in.
fn story(row: &Row, now: Timestamp) -> Vec<(String, usize)> {
    let why = words(row).map(|words| format!(": {}", harmless(&words))).unwrap_or_default();
    let mut lines = vec![(bold(row.key.as_str()), 0), (format!("{}{why}", status(row.status())), 0), blank()];
    let mut fact = |name: &str, text: String| lines.push((format!("{} {text}", dim(&format!("{name:<7}"))), 8));
    fact("asked", asked(row, now));
    fact("for", what(row));
    if let Some(build) = row.build() {
        fact("build", build.id.to_string());
        if let Some(url) = &build.log_url {
            fact("log", harmless(url));
        }
    }
    if let Some(target) = row.target() {
        fact("report", told(row, &format!("{} {}", target.forge.url, target.forge.repo)));
    }
    if let Some(waiting) = waiting(row, now) {
        fact("waits", waiting);
    }
    lines.push(blank());
    // A trail of a job that was received and nothing else is empty.
    lines.push((format!("{} received", dim(&clock(row.received_at))), 9));
    for note in &row.trail {
        lines.push((format!("{} {}", dim(&clock(note.at)), harmless(&note.text)), 9));
    }
    lines
}

fn blank() -> (String, usize) {
    (String::new(), 0)
}

fn asked(row: &Row, now: Timestamp) -> String {
    let origin = row.request.origin.as_ref();
    let vendor = origin.and_then(|origin| origin.vendor.as_ref()).map(|vendor| format!("by {vendor}"));
    let url = origin.and_then(|origin| origin.build_url.as_ref()).map(ToString::to_string);
    let cause = row.request.cause.as_ref().map(ToString::to_string);
    let when = format!("{} ago, {} UTC", ago(row.received_at, now), date(row.received_at));
    let all: Vec<String> = [Some(when), vendor, cause, url].into_iter().flatten().collect();
    harmless(&all.join(", "))
}

fn what(row: &Row) -> String {
    let commit = commit(row).map_or("its tip".to_owned(), |commit| format!("commit {commit}"));
    let names: Vec<&str> = row.request.variables.iter().map(|(name, _)| name.as_str()).collect();
    let variables = if names.is_empty() { String::new() } else { format!(", with {}", names.join(", ")) };
    format!("{}, {commit}{variables}", row.git_ref())
}

fn told(row: &Row, place: &str) -> String {
    match (&row.telling.undeliverable, row.telling.told) {
        (Some(reason), _) => format!("{place} will never take it: {}", harmless(reason)),
        (None, Some(told)) => format!("{place} was told {} at {}", told.status, clock(told.at)),
        (None, None) => format!("{place} was told nothing yet"),
    }
}

/// What a row that is not settled waits for, in plain words.
fn waiting(row: &Row, now: Timestamp) -> Option<String> {
    let due = row.due_at()?;
    let what = match (&row.phase, row.wanted) {
        (Phase::Received, _) => "for the policy and the commit",
        (Phase::Accepted { .. }, Wanted::Run) => "for a free place to build",
        (Phase::Starting { .. }, _) => "to know whether the start arrived",
        (Phase::Running { .. }, Wanted::Run) => "for the build's end",
        (Phase::Accepted { .. } | Phase::Running { .. }, Wanted::Cancel) => "to end: somebody asked to cancel it",
        (Phase::Finished { .. } | Phase::Rejected { .. }, _) => "to tell the forge",
    };
    let when = if due > now {
        format!("in {}", span(due.since(now)))
    } else {
        format!("since {}: if that grows, no worker is sweeping (`doorbell doctor`)", span(now.since(due)))
    };
    Some(format!("{what}; the next look is due {when}"))
}
