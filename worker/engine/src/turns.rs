//! Those who wait in line: called when it is their turn, and found where only another worker knows of them.

use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::JobKey;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::domain::{LEASE, Phase, Row, Seen, Wanted};
use crate::engine::Engine;
use crate::leave::pool_of;
use crate::lines::{Lines, Turn};
use crate::ports::{Clock, Ledger, SHARDS, World};

/// Rows that one look for waiting jobs reads.
const MOST_LOOKED_AT: usize = 100;

/// Jobs that one look is content with: places do not fall free faster, and other workers know of these jobs, too.
const ENOUGH: usize = 16;

/// Between two such looks, while there is something to be found.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Between two looks that find nothing: most fleets never are at a limit.
const LOOK_SELDOM: Duration = Duration::from_secs(30);

impl<W: World> Engine<W> {
    /// Calls whoever's turn it is, each in a task of its own. Those need no room among the jobs in hand: the gate
    /// bounds them.
    pub(crate) async fn call_by_turns(self: Arc<Self>, lines: Arc<Lines>, seen: Seen, stop: CancellationToken) {
        loop {
            let Turn { key, permit } = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                turn = lines.turn() => turn,
            };
            let (engine, seen) = (Arc::clone(&self), seen.clone());
            // A row that has gone on without its turn leaves the permit unused, which calls the next one.
            self.spawn_for(key.clone(), async move {
                if let Some(row) = engine.load(&key).await {
                    engine.drive_with(row, seen, Some(permit)).await;
                }
            });
        }
    }

    /// A place fell free, and nobody waits for it here: jobs that other workers have in line, or had when they died,
    /// are in the index, due within a lease.
    pub(crate) async fn look_for_waiting_jobs(self: Arc<Self>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.scarce.notified() => {}
            }
            let pause = if self.find_waiting_jobs().await > 0 { LOOK_AGAIN } else { LOOK_SELDOM };
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn find_waiting_jobs(&self) -> usize {
        let Some(now) = self.world.clock().now() else { return 0 };
        let first = crate::sweep::first_shard(&self.signature());
        let (mut looked_at, mut found) = (0, 0);
        for shard in (0..SHARDS).map(|step| (first + step) % SHARDS) {
            let Ok(page) = self.world.ledger().due(shard, now + LEASE, None).await else { return found };
            let others = page.keys.into_iter().filter(|key| !self.is_in_hand(key));
            let keys: Vec<JobKey> = others.take(ENOUGH - found).collect();
            looked_at += keys.len();
            for row in self.world.ledger().load(&keys).await.into_iter().flatten().flatten() {
                if is_waiting(&row)
                    && let Some(pool) = pool_of(&row)
                {
                    debug!(job.key = %row.key, "waits for a build");
                    found += 1;
                    self.pools.is_narrow_elsewhere(&pool);
                    self.pools.wait(&pool, &row.request.project, row.received_at, &row.key);
                }
            }
            if found >= ENOUGH || looked_at >= MOST_LOOKED_AT {
                break;
            }
        }
        found
    }
}

fn is_waiting(row: &Row) -> bool {
    matches!(row.phase, Phase::Accepted { .. }) && row.wanted == Wanted::Run && row.isolated.is_none()
}
