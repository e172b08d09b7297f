//! Those who wait in line: called when it is their turn, and found where only another worker knows of them.

use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::JobKey;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::admission::build_group_of;
use crate::domain::{DesiredState, LEASE, Observation, Phase, Row};
use crate::engine::Engine;
use crate::limiter::{ConcurrencyLimiter, ReadyJob};
use crate::ports::{Clock, JobLedger, Ports, SHARDS};

/// Rows that one look for waiting jobs reads.
const MAX_ROWS_READ: usize = 100;

/// Jobs that one look is content with: places do not fall free faster, and other workers know of these jobs, too.
const MAX_FOUND: usize = 16;

/// Between two such looks, while there is something to be found.
const BUSY_INTERVAL: Duration = Duration::from_millis(250);

/// Between two looks that find nothing: most fleets never are at a limit.
const IDLE_INTERVAL: Duration = Duration::from_secs(30);

impl<P: Ports> Engine<P> {
    /// Calls whoever's turn it is, each in a task of its own. Those need no room among the jobs in hand: the gate
    /// bounds them.
    pub(crate) async fn dispatch_ready_jobs(
        self: Arc<Self>,
        limiter: Arc<ConcurrencyLimiter>,
        observation: Observation,
        stop: CancellationToken,
    ) {
        loop {
            let ReadyJob { key, permit } = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                ready = limiter.next_ready() => ready,
            };
            let (engine, observation) = (Arc::clone(&self), observation.clone());
            // A row that has gone on without its turn leaves the permit unused, which calls the next one.
            self.spawn_for(key.clone(), async move {
                if let Some(row) = engine.rows.load_or_log(&key).await {
                    engine.drive_with_permit(row, observation, Some(permit)).await;
                }
            });
        }
    }

    /// A place fell free, and nobody waits for it here: jobs that other workers have in line, or had when they died,
    /// are in the index, due within a lease.
    pub(crate) async fn steal_waiting_jobs(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.slot_freed.notified() => {}
            }
            let pause = if self.find_remote_waiters().await > 0 { BUSY_INTERVAL } else { IDLE_INTERVAL };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn find_remote_waiters(&self) -> usize {
        let Some(now) = self.ports.clock().now() else { return 0 };
        let first = crate::sweep::first_shard(&self.rows.next_writer());
        let (mut rows_read, mut found) = (0, 0);
        for shard in (0..SHARDS).map(|step| (first + step) % SHARDS) {
            let Ok(page) = self.ports.ledger().due(shard, now + LEASE, None).await else { return found };
            let remote = page.keys.into_iter().filter(|key| !self.is_in_flight(key));
            let keys: Vec<JobKey> = remote.take(MAX_FOUND - found).collect();
            rows_read += keys.len();
            for row in self.ports.ledger().load(&keys).await.into_iter().flatten().flatten() {
                if is_waiting(&row)
                    && let Some(build_group) = build_group_of(&row)
                {
                    debug!(job.key = %row.key, "waits for a build");
                    found += 1;
                    self.build_limiter.note_remote_waiters(&build_group);
                    self.build_limiter.enqueue(&build_group, &row.request.project, row.received_at, &row.key);
                }
            }
            if found >= MAX_FOUND || rows_read >= MAX_ROWS_READ {
                break;
            }
        }
        found
    }
}

fn is_waiting(row: &Row) -> bool {
    matches!(row.phase, Phase::Accepted { .. }) && row.desired == DesiredState::Run && row.quarantined.is_none()
}
