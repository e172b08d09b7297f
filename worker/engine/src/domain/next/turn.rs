//! Transitions of an accepted job whose ref has an order: its turn, and what follows from it.

use std::time::Duration;

use doorbell_messages::{CommitId, JobKey, Status};
use doorbell_registry::OrderRule;

use super::Transition;
use crate::domain::backoff;
use crate::domain::effect::Effect;
use crate::domain::order::{TurnOutcome, TurnWait};
use crate::domain::phase::Phase;
use crate::domain::provider_build::one_line;

/// The due time of the job that comes next: the longest time that the ref is unused if a worker dies between two writes.
const NEXT_TURN_INTERVAL: Duration = Duration::from_secs(15);

/// The due time of the jobs behind that one. The end of a job wakes the next one.
const TURN_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// The due time of a job for which there was no room.
const FULL_INTERVAL: Duration = Duration::from_secs(60);

impl Transition<'_> {
    /// Applies what a turn said.
    ///
    /// Only to the row for which the turn was taken: a worker that slept since then finds another revision, and the turn
    /// is taken again. A crash between the item's write and the one of this row leaves a holder that is due.
    pub(super) fn on_turn_taken(&mut self, rev: u64, outcome: TurnOutcome) {
        if !matches!(self.row.phase, Phase::Accepted { .. }) {
            return;
        }
        if self.row.rev != rev {
            return self.try_start();
        }
        match outcome {
            TurnOutcome::Granted(commits) => self.start_in_turn(commits),
            TurnOutcome::Superseded(newer) => self.supersede(&newer),
            TurnOutcome::Waiting { behind, is_next } => {
                let interval = if is_next { NEXT_TURN_INTERVAL } else { TURN_INTERVAL };
                self.wait_for_turn(behind.map_or(TurnWait::Next, TurnWait::Behind), interval);
            }
            TurnOutcome::Full => self.wait_for_turn(TurnWait::Full, FULL_INTERVAL),
            TurnOutcome::Failed(reason) => self.retry_turn(&reason),
        }
    }

    fn start_in_turn(&mut self, commits: Vec<CommitId>) {
        let Phase::Accepted { launch, turn, .. } = &mut self.row.phase else { return };
        *turn = None;
        launch.set_not_older_than(commits);
        self.start_with_slot();
    }

    fn supersede(&mut self, newer: &JobKey) {
        self.finish_without_build(Status::Canceled, format!("superseded by {newer}"));
    }

    fn wait_for_turn(&mut self, wait: TurnWait, interval: Duration) {
        let Phase::Accepted { turn, .. } = &mut self.row.phase else { return };
        *turn = Some(wait);
        self.row.phase_due_at = Some(self.now + interval);
    }

    fn retry_turn(&mut self, reason: &str) {
        let Phase::Accepted { waiting, .. } = &mut self.row.phase else { return };
        *waiting = Some(format!("the order of the ref could not be read: {}", one_line(reason)));
        self.row.tries += 1;
        self.row.phase_due_at = Some(self.now + backoff::DEPENDENCY.delay(self.row.key.as_str(), self.row.tries));
    }

    /// Passes the ref on, in the write that ends a job of an order.
    ///
    /// If the effect is lost, the due time of the next job has the same one.
    pub(super) fn release_turn(&mut self, order: OrderRule) {
        if !order.is_parallel() {
            self.effects.push(Effect::ReleaseTurn(order));
        }
    }
}
