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
use crate::ports::Ports;
use crate::row_store::{MAX_WRITE_CONFLICTS, WriteOutcome, log_load_error};

/// Turns that one hint may take. A job's whole life takes about six; more means that two decisions chase each other.
const MAX_ROUNDS: usize = 40;

/// A row as it was just written, what it wants done, with whose permits, and since when that is claimed.
pub(crate) struct PersistedDecision {
    pub(crate) row: Row,
    pub(crate) effects: Vec<Effect>,
    pub(crate) permits: Permits,
    pub(crate) claimed_at: Instant,
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
        row: Row,
        observation: Observation,
        mut permit: Option<Permit>,
    ) -> Option<PersistedDecision> {
        let key = row.key.clone();
        let mut latest = None;
        let outcome = self.rows.update_row_with(row, |row| {
            let claimed_at = Instant::now();
            // Permits of the attempt before go back first.
            drop(latest.take());
            let PermittedDecision { decision, permits, waiters } = self.decide(row, &observation, permit.take())?;
            let next_row = decision.changed.then(|| decision.row.clone());
            let persisted = PersistedDecision { row: decision.row, effects: decision.effects, permits, claimed_at };
            latest = Some((row.clone(), persisted, waiters));
            next_row
        });
        let (written, is_changed) = match outcome.await {
            WriteOutcome::Written(row) => (*row, true),
            WriteOutcome::Unchanged(row) => (*row, false),
            WriteOutcome::Absent => return None,
            WriteOutcome::GaveUp { .. } => {
                warn!("gave up after {MAX_WRITE_CONFLICTS} write conflicts; the sweep will resume it");
                return None;
            }
            WriteOutcome::Unavailable(error) => {
                log_load_error(&key, &error);
                return None;
            }
        };
        let (before, persisted, waiters) = latest?;
        if is_changed {
            log_transition(&before, &written);
        }
        self.enqueue_waiters(&written, waiters);
        if is_changed {
            self.release_build_slot(&before, &written);
        }
        Some(PersistedDecision { row: written, ..persisted })
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
        info!(job.status = %after.status(), "{}", note.text);
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
            Effect::StartBuild { input, attempt, token, .. } => {
                let answer = self.start_build(input, token, permits.start.take(), claimed_at).await;
                Some(Observation::StartAttempted { attempt: *attempt, outcome: answer })
            }
            Effect::StopBuild(id) => self.stop_build(id).await,
            Effect::StopDuplicate { build, is_running: running } => self.stop_duplicate_build(build, *running).await,
            Effect::ReportStatus { target, report, claim } => {
                let outcome = self.report_status(target, report, permits.report.take(), claimed_at).await;
                Some(Observation::ReportAttempted { claim: *claim, outcome })
            }
            Effect::CancelJob(key) => Some(self.record_cancel(row, key).await),
        }
    }
}
