//! From a hint to a row at rest: look, decide, write, effect, and again.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{Instrument, Span, error, info, warn};

use crate::admission::{Permits, PermittedDecision};
use crate::domain::{Effect, Observation, Row};
use crate::engine::Engine;
use crate::limiter::Permit;
use crate::metrics;
use crate::ports::{InsertOutcome, JobLedger, LoadError, PortError, Ports, UpdateOutcome};

/// Turns that one hint may take. A job's whole life takes about six; more means that two decisions chase each other.
const MAX_ROUNDS: usize = 40;

/// Times that a write is tried over another worker's.
const MAX_WRITE_CONFLICTS: usize = 8;

/// A row as it was just written, what it wants done, with whose permits, and since when that is claimed.
pub(crate) struct PersistedDecision {
    pub(crate) row: Row,
    pub(crate) effects: Vec<Effect>,
    pub(crate) permits: Permits,
    pub(crate) claimed_at: Instant,
}

pub(crate) enum WriteOutcome {
    Written,
    /// Another write was first; this is the row now.
    Superseded(Box<Row>),
    /// Nothing is known, or the row is not ours to touch.
    Unknown,
}

/// The log's span of one job.
pub(crate) fn span(row: &Row) -> Span {
    let build = row.build().map(|build| build.id.to_string());
    tracing::info_span!(
        "job",
        job.key = %row.key,
        project = %row.request.project,
        sqs.message_id = tracing::field::Empty,
        build.id = build,
    )
}

impl<P: Ports> Engine<P> {
    /// Shows a row what was seen, and goes on until it rests. Errors end here: the row's due time brings it back.
    pub(crate) async fn drive(&self, row: Row, observation: Observation) {
        self.drive_with_permit(row, observation, None).await;
    }

    /// As [`Engine::drive`], for a row that was let through a gate.
    pub(crate) async fn drive_with_permit(&self, row: Row, observation: Observation, permit: Option<Permit>) {
        let _in_flight = self.mark_in_flight(&row.key);
        let span = span(&row);
        async {
            let Some(persisted) = self.decide_and_write(row, observation, permit).await else { return };
            self.run_until_idle(persisted).await;
        }
        .instrument(span)
        .await;
    }

    /// As [`Engine::drive`]; says when the row was shown what was seen, before it does what follows from that.
    pub(crate) async fn drive_and_signal(&self, row: Row, observation: Observation, applied: oneshot::Sender<()>) {
        let _in_flight = self.mark_in_flight(&row.key);
        let span = span(&row);
        async {
            let persisted = self.decide_and_write(row, observation, None).await;
            // Who asked may be gone, and need not know.
            let _ = applied.send(());
            if let Some(persisted) = persisted {
                self.run_until_idle(persisted).await;
            }
        }
        .instrument(span)
        .await;
    }

    /// As [`Engine::drive`], for a row that was just written together with what it wants done.
    pub(crate) async fn resume(&self, persisted: PersistedDecision) {
        let _in_flight = self.mark_in_flight(&persisted.row.key);
        self.run_until_idle(persisted).await;
    }

    async fn run_until_idle(&self, persisted: PersistedDecision) {
        let (mut row, mut observations) = self.execute_effects(persisted).await;
        for _ in 0..MAX_ROUNDS {
            let Some(observation) = observations.pop_front() else { return };
            let Some(persisted) = self.decide_and_write(row, observation, None).await else { return };
            let (next_row, more) = self.execute_effects(persisted).await;
            row = next_row;
            observations.extend(more);
        }
        error!("the job did not come to rest after {MAX_ROUNDS} turns; its due time brings it back");
    }

    /// Decides and writes, over other workers' writes if need be. None: nothing may be done with the row now.
    pub(crate) async fn decide_and_write(
        &self,
        mut row: Row,
        observation: Observation,
        mut permit: Option<Permit>,
    ) -> Option<PersistedDecision> {
        for _ in 0..MAX_WRITE_CONFLICTS {
            let claimed_at = Instant::now();
            let PermittedDecision { decision, permits, waiters } = self.decide(&row, &observation, permit.take())?;
            if !decision.changed {
                self.enqueue_waiters(&decision.row, waiters);
                return Some(PersistedDecision { row: decision.row, effects: decision.effects, permits, claimed_at });
            }
            let mut next_row = decision.row;
            next_row.rev = row.rev + 1;
            next_row.writer = self.signature();
            match self.write(&next_row).await {
                WriteOutcome::Written => {
                    log_transition(&row, &next_row);
                    self.enqueue_waiters(&next_row, waiters);
                    self.release_build_slot(&row, &next_row);
                    return Some(PersistedDecision { row: next_row, effects: decision.effects, permits, claimed_at });
                }
                WriteOutcome::Superseded(current) => row = *current,
                WriteOutcome::Unknown => return None,
            }
        }
        warn!("the row was written by others {MAX_WRITE_CONFLICTS} times in a row; its due time brings it back");
        None
    }

    pub(crate) async fn write(&self, row: &Row) -> WriteOutcome {
        match self.ports.ledger().update(std::slice::from_ref(row)).await.pop() {
            Some(Ok(UpdateOutcome::Written)) => return WriteOutcome::Written,
            Some(Ok(UpdateOutcome::Conflict)) | None => {}
            Some(Err(error)) => warn!("the ledger did not answer a write: {error}"),
        }
        // A lost reply and a retry inside the SDK look like a conflict with somebody else.
        match self.load(&row.key).await {
            Some(current) if current.writer == row.writer => WriteOutcome::Written,
            Some(current) => WriteOutcome::Superseded(Box::new(current)),
            None => WriteOutcome::Unknown,
        }
    }

    pub(crate) async fn load(&self, key: &doorbell_messages::JobKey) -> Option<Row> {
        match self.ports.ledger().load(std::slice::from_ref(key)).await.pop() {
            Some(Ok(row)) => row,
            Some(Err(error)) => {
                log_load_error(key, &error);
                None
            }
            None => None,
        }
    }

    /// Inserts rows that were never written. A row that is there already is none of this worker's business, unless
    /// this worker wrote it and lost the reply.
    pub(crate) async fn insert(&self, rows: &[Row]) -> Vec<Result<InsertOutcome, PortError>> {
        let mut outcomes = self.ports.ledger().insert(rows).await;
        for (row, outcome) in rows.iter().zip(&mut outcomes) {
            if matches!(outcome, Ok(InsertOutcome::Inserted)) {
                continue;
            }
            if self.load(&row.key).await.is_some_and(|current| current.writer == row.writer) {
                *outcome = Ok(InsertOutcome::Inserted);
            }
        }
        outcomes
    }
}

pub(crate) fn log_load_error(key: &doorbell_messages::JobKey, error: &LoadError) {
    match error {
        LoadError::NewerSchema(_) => info!(job.key = %key, "left alone: {error}"),
        LoadError::Corrupt(_) => error!(job.key = %key, "{error}"),
        LoadError::Port(_) => warn!(job.key = %key, "the ledger did not answer: {error}"),
    }
}

/// The trail is the log: what people read in the row, operators read here.
pub(crate) fn log_transition(before: &Row, after: &Row) {
    metrics::phase_entered(before, after);
    if let Some(build) = after.build().filter(|_| before.build().is_none()) {
        Span::current().record("build.id", build.id.as_str());
    }
    let known = before.trail.last();
    let fresh = after.trail.iter().rev().take_while(|note| Some(*note) != known).count();
    for note in &after.trail[after.trail.len() - fresh..] {
        info!(job.status = %after.status(), "{}", note.message);
    }
}

impl<P: Ports> Engine<P> {
    async fn execute_effects(&self, persisted: PersistedDecision) -> (Row, VecDeque<Observation>) {
        let PersistedDecision { row, effects, mut permits, claimed_at } = persisted;
        let mut observations = VecDeque::new();
        for effect in &effects {
            observations.extend(self.execute(&row, effect, &mut permits, claimed_at).await);
        }
        (row, observations)
    }

    async fn execute(
        &self,
        row: &Row,
        effect: &Effect,
        permits: &mut Permits,
        claimed_at: Instant,
    ) -> Option<Observation> {
        match effect {
            Effect::ReadPolicy => {
                Some(Observation::PolicyRead(self.policies.lookup(self.ports.registry(), &row.request.project).await))
            }
            Effect::ResolveRef { policy, build_project, repository, git_ref } => Some(Observation::RefResolved {
                policy: policy.clone(),
                build_project: build_project.clone(),
                resolution: self.resolve_ref(repository, git_ref).await,
            }),
            Effect::QueryBuilds(query) => Some(self.query_builds(query).await),
            Effect::DescribeBuild(id) => Some(self.describe_build(id).await),
            Effect::StartBuild { spec, attempt, token } => {
                let answer = self.start_build(spec, token, permits.start.take(), claimed_at).await;
                Some(Observation::StartAttempted { attempt: *attempt, outcome: answer })
            }
            Effect::StopBuild(id) => self.stop_build(id).await,
            Effect::StopDuplicate { build, is_running: running } => self.stop_duplicate_build(build, *running).await,
            Effect::ReportStatus { entry, target, report, claim } => {
                let outcome = self.report_status(target, report, permits.report.take(), claimed_at).await;
                Some(Observation::ReportAttempted { entry: *entry, claim: *claim, outcome })
            }
            Effect::CancelJob(key) => Some(self.record_cancel(row, key).await),
        }
    }
}
