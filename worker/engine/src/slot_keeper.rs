//! Takes and releases the slots of an installation that limits its builds.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use doorbell_messages::JobKey;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::domain::{LEASE, Phase, Row, StartOutcome};
use crate::ports::{BuildSlots, JobLedger};
use crate::row_store::RowStore;

/// Time between two searches, in one worker, for slots of jobs that are over. A search reads a row for each slot.
const SEARCH_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Rows that a search reads at once.
const SEARCH_BATCH: usize = 50;

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
        let mut is_taken = self.rows.ledger().take(&row.key, max).await;
        if is_taken == Ok(false) && self.release_slots_of_ended_jobs().await {
            is_taken = self.rows.ledger().take(&row.key, max).await;
        }
        match is_taken {
            Ok(true) => None,
            Ok(false) => {
                Some(StartOutcome::Limited(format!("the installation runs at most {max} builds at once (max-builds)")))
            }
            Err(error) => {
                warn!("no slot taken for the build, will retry: {error}");
                Some(StartOutcome::NotSent)
            }
        }
    }

    /// Gives the slot back of a job whose start was refused for certain.
    ///
    /// Where an earlier call is in doubt, its build may run. Where the claim is old, another worker may have started the job
    /// since.
    pub(crate) async fn release_refused(&self, row: &Row, outcome: &StartOutcome, claimed_at: Instant) {
        let is_refused = matches!(
            outcome,
            StartOutcome::Limited(_) | StartOutcome::Throttled(_) | StartOutcome::Denied(_) | StartOutcome::Invalid(_)
        );
        let is_only_call = matches!(row.phase, Phase::Starting { start_calls: 1, .. });
        if is_refused && is_only_call && claimed_at.elapsed() < LEASE / 2 {
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
        let mut ended = Vec::new();
        for jobs in holders.chunks(SEARCH_BATCH) {
            let rows = self.rows.ledger().load(jobs).await;
            let is_ended =
                |row: &Result<Option<Row>, _>| row.as_ref().is_ok_and(|row| row.as_ref().is_none_or(Row::is_over));
            ended.extend(jobs.iter().zip(rows).filter(|(_, row)| is_ended(row)).map(|(key, _)| key.clone()));
        }
        ended
    }
}

#[cfg(test)]
mod tests {
    use doorbell_registry::OrderRule;

    use super::*;
    use crate::stubs::{LedgerStub, NOW, ordered_launch, row};

    fn starting(number: u32, start_calls: u32) -> Row {
        let launch = ordered_launch(OrderRule::Parallel);
        let phase = Phase::Starting { launch, attempt: 1, first_sent_at: NOW, last_sent_at: NOW, start_calls };
        Row { phase, ..row(number) }
    }

    #[tokio::test(start_paused = true)]
    async fn slot_of_a_build_that_may_run_is_kept() {
        let (first, limited) = (starting(1, 1), StartOutcome::Limited("throttled".to_owned()));
        let ledger = LedgerStub::with_row(&first);
        let slots = SlotKeeper::new(Arc::new(RowStore::new(ledger.clone(), "a")), Some(1));
        assert_eq!(slots.take(&first).await, None);
        let claimed_at = Instant::now();
        slots.release_refused(&starting(1, 2), &limited, claimed_at).await;
        slots.release_refused(&first, &StartOutcome::Unknown("reset".to_owned()), claimed_at).await;
        slots.release_ended(&first, &first).await;
        tokio::time::advance(LEASE).await;
        slots.release_refused(&first, &limited, claimed_at).await;
        assert_eq!(ledger.holders().await.unwrap(), std::slice::from_ref(&first.key));
        assert!(matches!(slots.take(&row(2)).await, Some(StartOutcome::Limited(_))));
        slots.release_refused(&first, &limited, Instant::now()).await;
        assert_eq!(slots.take(&row(2)).await, None);
    }
}
