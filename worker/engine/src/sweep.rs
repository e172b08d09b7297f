//! The only timer there is: rows whose due time has come.

use std::sync::Arc;

use doorbell_messages::{BuildId, JobKey};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::domain::{Phase, Row, Seen, Wanted};
use crate::drive::log_load_error;
use crate::engine::Engine;
use crate::meter;
use crate::ports::{Builds, Clock, DuePage, Ledger, MOST_DESCRIBED, PortError, SHARDS, World};
use crate::pulse::Part;

impl<W: World> Engine<W> {
    pub(crate) async fn sweep(self: Arc<Self>, stop: CancellationToken) {
        let mut first = first_shard(&self.settings.instance);
        loop {
            match self.sweep_once(first, &stop).await {
                Ok(()) => {
                    self.pulse().beat(Part::Sweep);
                    meter::swept();
                }
                Err(error) => warn!("the sweep did not get through: {error}"),
            }
            // Workers that started together drift apart over the shards.
            first = (first + 5) % SHARDS;
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.settings.sweep_interval) => {}
            }
        }
    }

    async fn sweep_once(self: &Arc<Self>, first: u8, stop: &CancellationToken) -> Result<(), PortError> {
        for shard in (0..SHARDS).map(|step| (first + step) % SHARDS) {
            if stop.is_cancelled() {
                return Ok(());
            }
            let Some(now) = self.world.clock().now() else {
                return Err(PortError("AWS's time is not known".to_owned()));
            };
            let mut after = None;
            // Paging goes past what this worker may not touch: rows in hand, rows of a newer schema.
            loop {
                let DuePage { keys, next } = self.world.ledger().due(shard, now, after).await?;
                let keys: Vec<JobKey> = keys.into_iter().filter(|key| !self.is_in_hand(key)).collect();
                if !keys.is_empty() {
                    debug!(shard, due = keys.len(), "rows are due");
                    self.look_at(keys).await;
                }
                match next.filter(|_| !stop.is_cancelled()) {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        Ok(())
    }

    /// The index may be stale: rows are read consistently before anything is decided. Running builds are asked after
    /// in one call.
    async fn look_at(self: &Arc<Self>, keys: Vec<JobKey>) {
        let rows = self.world.ledger().load(&keys).await;
        let rows: Vec<Row> = keys
            .iter()
            .zip(rows)
            .filter_map(|(key, row)| {
                row.unwrap_or_else(|error| {
                    log_load_error(key, &error);
                    None
                })
            })
            .collect();
        let (running, others): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(is_quiet);
        let mut seen: Vec<(Row, Seen)> = others.into_iter().map(|row| (row, Seen::Woken)).collect();
        for some in running.chunks(MOST_DESCRIBED) {
            seen.extend(self.ask_after(some).await);
        }
        for (row, seen) in seen {
            let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { return };
            let engine = Arc::clone(self);
            self.tasks.spawn(async move {
                engine.drive(row, seen).await;
                drop(room);
            });
        }
    }

    async fn ask_after(&self, rows: &[Row]) -> Vec<(Row, Seen)> {
        let ids: Vec<BuildId> = rows.iter().filter_map(|row| row.build().map(|build| build.id.clone())).collect();
        let answer = self.world.builds().describe(&ids).await;
        let seen = |row: &Row, id: &BuildId| match &answer {
            Ok(builds) => match builds.iter().find(|build| build.id == *id) {
                Some(build) => (row.clone(), Seen::Described { build: build.clone(), claims_final: false }),
                None => (row.clone(), Seen::NotKnown(id.clone())),
            },
            Err(error) => (row.clone(), Seen::LookFailed(error.to_string())),
        };
        if let Err(error) = &answer {
            warn!(builds = ids.len(), "the builds could not be looked at: {error}");
        }
        rows.iter().zip(&ids).map(|(row, id)| seen(row, id)).collect()
    }
}

/// Running, with nothing else to do than to ask after the build.
fn is_quiet(row: &Row) -> bool {
    matches!(row.phase, Phase::Running { .. }) && row.wanted == Wanted::Run
}

fn first_shard(instance: &str) -> u8 {
    instance.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % SHARDS
}
