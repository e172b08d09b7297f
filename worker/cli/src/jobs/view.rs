use doorbell_engine::domain::{DesiredState, Phase, Row, SeriesEntry, Timestamp, TrailKind, TurnWait};
use serde::Serialize;

/// A job, for `--output json`. Its fields are stable; later versions may add fields. Times are ISO 8601, UTC.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct JobView {
    job: String,
    project: String,
    #[serde(rename = "ref")]
    git_ref: String,
    commit: Option<String>,
    status: &'static str,
    phase: &'static str,
    desired: &'static str,
    message: Option<String>,
    /// The job of the same ref that this one waits for.
    waits_for: Option<String>,
    cause: Option<String>,
    vendor: Option<String>,
    received_at: String,
    ended_at: Option<String>,
    settled: bool,
    build: Option<JobBuildView>,
    last_report: Option<LastReportView>,
    undeliverable: Option<String>,
    done_event: Option<DoneEventView>,
}

/// The done event of a job that has one: owed, published or given up.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DoneEventView {
    published_at: Option<String>,
    given_up: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct JobBuildView {
    id: String,
    log_url: Option<String>,
}

#[derive(Debug, Serialize)]
struct LastReportView {
    status: &'static str,
    at: String,
}

/// One line of a job's trail.
#[derive(Debug, Serialize)]
pub(crate) struct TrailEntryView {
    at: String,
    message: String,
}

impl From<&Row> for JobView {
    fn from(row: &Row) -> Self {
        let origin = row.request.origin.as_ref();
        let notification = row.reports.first().map(|entry| &entry.notification);
        Self {
            job: row.key.to_string(),
            project: row.request.project.to_string(),
            git_ref: row.git_ref().full(),
            commit: commit(row),
            status: row.status().as_str(),
            phase: phase_name(row),
            desired: match row.desired {
                DesiredState::Run => "run",
                DesiredState::Cancel => "cancel",
            },
            message: status_reason(row),
            waits_for: waits_for(row),
            cause: row.request.cause.as_ref().map(ToString::to_string),
            vendor: origin.and_then(|origin| origin.vendor.as_ref()).map(ToString::to_string),
            received_at: row.received_at.to_string(),
            ended_at: row.ended_at().map(|at| at.to_string()),
            settled: row.settled_at.is_some(),
            build: row.build().map(|build| JobBuildView { id: build.id.to_string(), log_url: build.log_url.clone() }),
            last_report: notification
                .and_then(|notification| notification.delivered)
                .map(|report| LastReportView { status: report.status.as_str(), at: report.at.to_string() }),
            undeliverable: notification.and_then(|notification| notification.undeliverable.clone()),
            done_event: row.done_event.as_ref().map(|state| DoneEventView {
                published_at: state.published_at.map(|at| at.to_string()),
                given_up: state.given_up.clone(),
            }),
        }
    }
}

/// A job of the series whose first row is shown.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SeriesJobView {
    pub(crate) job: String,
    /// None where its row was not written yet, or has expired.
    pub(crate) status: Option<&'static str>,
    pub(crate) published_at: String,
}

/// The later jobs of the series whose first row this is, the oldest first. `rows` are those that could be read.
pub(crate) fn later_jobs(row: &Row, rows: &[Row]) -> Vec<SeriesJobView> {
    let view = |entry: &SeriesEntry| {
        let key = row.entry_key(entry);
        let status = rows.iter().find(|row| row.key == key).map(|row| row.status().as_str());
        SeriesJobView { job: key.to_string(), status, published_at: entry.sent_at.to_string() }
    };
    row.series.iter().map(view).collect()
}

/// When the request was last repeated while the job was not over.
pub(crate) fn repeated_at(row: &Row) -> Option<Timestamp> {
    row.trail.iter().rev().find(|entry| entry.kind == TrailKind::Repeated).map(|entry| entry.at)
}

pub(crate) fn trail(row: &Row) -> Vec<TrailEntryView> {
    row.trail.iter().map(|entry| TrailEntryView { at: entry.at.to_string(), message: entry.message.clone() }).collect()
}

/// The commit that is built, if it is known.
pub(crate) fn commit(row: &Row) -> Option<String> {
    let built = row.reported_commit().map(ToString::to_string);
    let announced = row.done_event.as_ref().and_then(|state| state.commit.as_ref()).map(ToString::to_string);
    built.or(announced).or_else(|| row.request.commit.as_ref().map(ToString::to_string))
}

/// Reason of the job's status, as text.
pub(crate) fn status_reason(row: &Row) -> Option<String> {
    match &row.phase {
        Phase::Finished { result, .. } => Some(result.message.clone()),
        Phase::Rejected { reason, .. } => Some(reason.clone()),
        Phase::Accepted { waiting, turn, .. } => turn.as_ref().map(ToString::to_string).or_else(|| waiting.clone()),
        Phase::Received if row.tries > 0 => row.trail.last().map(|entry| entry.message.clone()),
        Phase::Received | Phase::Starting { .. } | Phase::Running { .. } => None,
    }
}

fn waits_for(row: &Row) -> Option<String> {
    match &row.phase {
        Phase::Accepted { turn: Some(TurnWait::Behind(job)), .. } => Some(job.to_string()),
        _ => None,
    }
}

fn phase_name(row: &Row) -> &'static str {
    match row.phase {
        Phase::Received => "received",
        Phase::Accepted { .. } => "accepted",
        Phase::Starting { .. } => "starting",
        Phase::Running { .. } => "running",
        Phase::Finished { .. } => "finished",
        Phase::Rejected { .. } => "rejected",
    }
}
