use doorbell_engine::domain::{Phase, Row, Wanted};
use serde::Serialize;

/// A job, for `--output json`. Its fields are a promise: they stay, and others may join them. Times are ISO 8601, UTC.
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
    wanted: &'static str,
    text: Option<String>,
    cause: Option<String>,
    vendor: Option<String>,
    received_at: String,
    ended_at: Option<String>,
    settled: bool,
    build: Option<BuildView>,
    told: Option<ToldView>,
    undeliverable: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildView {
    id: String,
    log_url: Option<String>,
}

#[derive(Debug, Serialize)]
struct ToldView {
    status: &'static str,
    at: String,
}

/// One line of a job's trail.
#[derive(Debug, Serialize)]
pub(crate) struct NoteView {
    at: String,
    text: String,
}

impl From<&Row> for JobView {
    fn from(row: &Row) -> Self {
        let origin = row.request.origin.as_ref();
        Self {
            job: row.key.to_string(),
            project: row.request.project.to_string(),
            git_ref: row.git_ref().full(),
            commit: commit(row),
            status: row.status().as_str(),
            phase: phase(row),
            wanted: match row.wanted {
                Wanted::Run => "run",
                Wanted::Cancel => "cancel",
            },
            text: words(row),
            cause: row.request.cause.as_ref().map(ToString::to_string),
            vendor: origin.and_then(|origin| origin.vendor.as_ref()).map(ToString::to_string),
            received_at: row.received_at.to_string(),
            ended_at: row.ended_at().map(|at| at.to_string()),
            settled: row.settled_at.is_some(),
            build: row.build().map(|build| BuildView { id: build.id.to_string(), log_url: build.log_url.clone() }),
            told: row.telling.told.map(|told| ToldView { status: told.status.as_str(), at: told.at.to_string() }),
            undeliverable: row.telling.undeliverable.clone(),
        }
    }
}

pub(crate) fn trail(row: &Row) -> Vec<NoteView> {
    row.trail.iter().map(|note| NoteView { at: note.at.to_string(), text: note.text.clone() }).collect()
}

/// The commit that is built, as far as it is known.
pub(crate) fn commit(row: &Row) -> Option<String> {
    let built = row.target().map(|target| target.commit.to_string());
    built.or_else(|| row.request.commit.as_ref().map(ToString::to_string))
}

/// Why the job is as it is, in words.
pub(crate) fn words(row: &Row) -> Option<String> {
    match &row.phase {
        Phase::Finished { ending, .. } => Some(ending.text.clone()),
        Phase::Rejected { reason, .. } => Some(reason.clone()),
        Phase::Accepted { waiting, .. } => waiting.clone(),
        Phase::Received if row.tries > 0 => row.trail.last().map(|note| note.text.clone()),
        Phase::Received | Phase::Starting { .. } | Phase::Running { .. } => None,
    }
}

fn phase(row: &Row) -> &'static str {
    match row.phase {
        Phase::Received => "received",
        Phase::Accepted { .. } => "accepted",
        Phase::Starting { .. } => "starting",
        Phase::Running { .. } => "running",
        Phase::Finished { .. } => "finished",
        Phase::Rejected { .. } => "rejected",
    }
}
