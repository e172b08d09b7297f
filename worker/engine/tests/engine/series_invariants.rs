//! What must hold for each published request, in every order of delivery and with every worker.

use std::time::Duration;

use doorbell_engine::domain::{CommandRan, Phase, Row, Timestamp};
use doorbell_messages::{Envelope, JobKey, Request, RequestAction};

use crate::harness::{Simulation, secs};

/// The workers' clocks differ by up to 2.5 s from the topic's.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(3);

/// A request as it was published.
#[derive(Debug, Clone)]
pub struct PublishedRequest {
    pub body: String,
    pub request: Request,
    pub series: JobKey,
    pub message_id: String,
    pub sent_at: Timestamp,
}

impl PublishedRequest {
    pub fn new(body: String) -> Self {
        let envelope = Envelope::parse(&body).unwrap();
        let request = Request::parse(&envelope.message).unwrap();
        let series = JobKey::for_request(&request, &envelope.message_id).unwrap();
        let sent_at = Timestamp::parse(&envelope.timestamp).unwrap();
        Self { body, request, series, message_id: envelope.message_id, sent_at }
    }

    fn is_start(&self) -> bool {
        self.request.action == RequestAction::Start
    }

    fn window(&self) -> Duration {
        if self.request.commit.is_some() { secs(3600) } else { secs(120) }
    }
}

fn distance(a: Timestamp, b: Timestamp) -> Duration {
    a.duration_since(b).max(b.duration_since(a))
}

fn command_ran(row: &Row) -> Option<CommandRan> {
    match &row.phase {
        Phase::Finished { result, .. } => Some(result.command_ran.expect("each end says whether the command ran")),
        _ => None,
    }
}

/// Checks that no request was swallowed, and that no step was built twice.
pub fn check_series(simulation: &Simulation, published: &[PublishedRequest]) {
    let rows = simulation.rows();
    for request in published.iter().filter(|request| request.is_start()) {
        let jobs: Vec<&Row> = rows.iter().filter(|row| row.key.series() == request.series).collect();
        assert!(jobs.iter().any(|job| answers(request, job)), "{request:#?} was swallowed by {jobs:#?}");
        check_built_once(request, &jobs);
    }
}

/// Whether this job is what became of the request.
fn answers(request: &PublishedRequest, job: &Row) -> bool {
    let is_canceled = [job.canceled_at, job.series_canceled_at].into_iter().flatten().any(|at| at >= request.sent_at);
    if distance(job.message.sent_at, request.sent_at) > request.window() {
        // The row of a cancel that came before any start stands for all starts before it.
        return job.series_canceled_at.is_some_and(|at| at >= request.sent_at);
    }
    let was_refused_later = job.is_refused() && job.ended_at().is_some_and(|at| at + MAX_CLOCK_SKEW >= request.sent_at);
    let is_stopped_at_the_provider = job.status() == doorbell_messages::Status::Canceled;
    matches!(command_ran(job), Some(CommandRan::Yes | CommandRan::Maybe))
        || is_canceled
        || was_refused_later
        || is_stopped_at_the_provider && job.canceled_at.is_none()
}

/// Two messages within the window give one job whose command ran, where nothing was refused or canceled between.
fn check_built_once(request: &PublishedRequest, jobs: &[&Row]) {
    if jobs.iter().any(|job| job.is_refused() || job.canceled_at.is_some() || job.series_canceled_at.is_some()) {
        return;
    }
    let mut built: Vec<Timestamp> =
        jobs.iter().filter(|job| command_ran(job) == Some(CommandRan::Yes)).map(|job| job.message.sent_at).collect();
    built.sort();
    let is_apart = |pair: &[Timestamp]| distance(pair[0], pair[1]) > request.window();
    assert!(built.windows(2).all(is_apart), "one step was built twice: {jobs:#?}");
}
