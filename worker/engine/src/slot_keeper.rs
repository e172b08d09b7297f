//! Takes and releases the slots of an installation that limits its builds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use doorbell_messages::JobKey;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::build_slots::{BuildSlots, SlotOutcome};
use crate::domain::{Phase, Row, StartOutcome};
use crate::ports::JobLedger;
use crate::row_store::RowStore;

/// Time between two searches, in one worker, for slots of jobs that are over.
const SEARCH_INTERVAL: Duration = Duration::from_secs(30);

/// Lets as many builds run at once as the installation may have.
///
/// A job takes its slot between the claim of its start and the call, and gives it back when its row says that it is over. A
/// crash between that write and the release leaves a slot without a build: the rows are the truth, and a worker that finds
/// no slot looks for such ones. No slot is given back while its build may run.
#[derive(Debug)]
pub(crate) struct SlotKeeper<L> {
    rows: Arc<RowStore<L>>,
    max_builds: Option<u32>,
    searched_at: Mutex<Option<Instant>>,
}

impl<L: JobLedger + BuildSlots> SlotKeeper<L> {
    pub(crate) fn new(rows: Arc<RowStore<L>>, max_builds: Option<u32>) -> Self {
        Self { rows, max_builds, searched_at: Mutex::new(None) }
    }

    /// What keeps the job from calling the provider now, if anything does.
    pub(crate) async fn take(&self, row: &Row) -> Option<StartOutcome> {
        let max = self.max_builds?;
        let mut outcome = self.rows.ledger().take(&row.key, max).await;
        if outcome == SlotOutcome::Full && self.release_slots_of_ended_jobs().await {
            outcome = self.rows.ledger().take(&row.key, max).await;
        }
        match outcome {
            SlotOutcome::Taken => None,
            SlotOutcome::Full => {
                Some(StartOutcome::Limited(format!("the installation runs at most {max} builds at once (max-builds)")))
            }
            SlotOutcome::Failed(error) => {
                warn!("no slot taken for the build, will retry: {error}");
                Some(StartOutcome::NotSent)
            }
        }
    }

    /// Gives the slot back of a job whose start was refused for certain.
    ///
    /// The claim still keeps other workers off the row. Where an earlier call is in doubt, its build may run.
    pub(crate) async fn release_refused(&self, row: &Row, outcome: &StartOutcome) {
        let is_refused =
            matches!(outcome, StartOutcome::Limited(_) | StartOutcome::Denied(_) | StartOutcome::Invalid(_));
        if is_refused && matches!(row.phase, Phase::Starting { start_calls: 1, .. }) {
            self.release(&row.key).await;
        }
    }

    /// Gives the slot back of a job that is over.
    pub(crate) async fn release_ended(&self, before: &Row, after: &Row) {
        if matches!(before.phase, Phase::Starting { .. } | Phase::Running { .. }) && after.is_over() {
            self.release(&after.key).await;
        }
    }

    async fn release(&self, job: &JobKey) {
        if self.max_builds.is_some()
            && let Err(error) = self.rows.ledger().release(std::slice::from_ref(job)).await
        {
            warn!("slot not given back; a worker that finds none gives it back: {error}");
        }
    }

    /// Looks for slots of jobs that are over, at most one search at a time. True if it gave any back.
    async fn release_slots_of_ended_jobs(&self) -> bool {
        {
            let mut searched_at = self.searched_at.lock().unwrap_or_else(PoisonError::into_inner);
            if searched_at.is_some_and(|at| at.elapsed() < SEARCH_INTERVAL) {
                return false;
            }
            *searched_at = Some(Instant::now());
        }
        let ended = match self.rows.ledger().holders().await {
            Ok(holders) => self.ended_jobs(holders).await,
            Err(error) => {
                warn!("slots not read, will retry: {error}");
                return false;
            }
        };
        if ended.is_empty() {
            return false;
        }
        info!(slots = ended.len(), "giving back the slots of jobs that are over");
        self.rows.ledger().release(&ended).await.is_ok()
    }

    /// Those that are over, or whose row has expired. A row that cannot be read keeps its slot.
    async fn ended_jobs(&self, holders: Vec<JobKey>) -> Vec<JobKey> {
        let rows = self.rows.ledger().load(&holders).await;
        let ended = holders.into_iter().zip(rows).filter(|(_, row)| match row {
            Ok(row) => row.as_ref().is_none_or(Row::is_over),
            Err(_) => false,
        });
        ended.map(|(key, _)| key).collect()
    }
}
