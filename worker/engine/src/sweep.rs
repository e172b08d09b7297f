//! The only timer there is: rows whose due time has come.

use std::future::Future;
use std::sync::Arc;

use doorbell_messages::{BuildId, JobKey};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::domain::{Phase, Row, Seen, Timestamp, Wanted};
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
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.settings.sweep_interval) => {}
            }
        }
    }

    async fn sweep_once(self: &Arc<Self>, first: u8, stop: &CancellationToken) -> Result<(), PortError> {
        // Running builds are asked after together, whatever shard they are in: a call takes a hundred.
        let mut quiet: Vec<Row> = Vec::new();
        for shard in (0..SHARDS).map(|step| (first + step) % SHARDS) {
            if stop.is_cancelled() {
                return Ok(());
            }
            let now = self.now()?;
            let mut after = None;
            // Paging goes past what this worker may not touch: rows in hand, rows of a newer schema.
            loop {
                let DuePage { keys, next } = self.world.ledger().due(shard, now, after).await?;
                let keys: Vec<JobKey> = keys.into_iter().filter(|key| !self.is_in_hand(key)).collect();
                if !keys.is_empty() {
                    debug!(shard, due = keys.len(), "rows are due");
                    quiet.extend(self.look_at(keys, now).await);
                }
                while quiet.len() >= MOST_DESCRIBED {
                    let some = quiet.split_off(quiet.len() - MOST_DESCRIBED);
                    self.ask_after(some).await;
                }
                match next.filter(|_| !stop.is_cancelled()) {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        if !quiet.is_empty() {
            self.ask_after(quiet).await;
        }
        Ok(())
    }

    fn now(&self) -> Result<Timestamp, PortError> {
        self.world.clock().now().ok_or_else(|| PortError("AWS's time is not known".to_owned()))
    }

    /// The index may be stale: rows are read consistently before anything is decided. Those that only have to be asked
    /// after are handed back.
    async fn look_at(self: &Arc<Self>, keys: Vec<JobKey>, now: Timestamp) -> Vec<Row> {
        let rows = self.world.ledger().load(&keys).await;
        let mut quiet = Vec::new();
        for (key, row) in keys.iter().zip(rows) {
            match row {
                Ok(Some(row)) if row.is_suspect(now) => {
                    self.hand_over(row.key.clone(), move |engine| async move {
                        engine.handle_suspect(row, Seen::Woken).await;
                    })
                    .await;
                }
                Ok(Some(row)) if is_quiet(&row) => quiet.push(row),
                Ok(Some(row)) => self.show_in_a_task(row, Seen::Woken).await,
                Ok(None) => {}
                Err(error) => log_load_error(key, &error),
            }
        }
        quiet
    }

    async fn show_in_a_task(self: &Arc<Self>, row: Row, seen: Seen) {
        self.hand_over(row.key.clone(), move |engine| async move { engine.drive(row, seen).await }).await;
    }

    async fn hand_over<F>(self: &Arc<Self>, key: JobKey, work: impl FnOnce(Arc<Self>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // The semaphore is never closed; if it were, the row's due time would bring it back.
        let Ok(room) = Arc::clone(&self.room).acquire_owned().await else { return };
        let work = work(Arc::clone(self));
        self.spawn_for(key, async move {
            work.await;
            drop(room);
        });
    }

    async fn ask_after(self: &Arc<Self>, rows: Vec<Row>) {
        let ids: Vec<BuildId> = rows.iter().filter_map(|row| row.build().map(|build| build.id.clone())).collect();
        let answer = self.world.builds().describe(&ids).await;
        if let Err(error) = &answer {
            warn!(builds = ids.len(), "the builds could not be looked at: {error}");
        }
        for (row, id) in rows.into_iter().zip(ids) {
            let seen = match &answer {
                Ok(builds) => match builds.iter().find(|build| build.id == id) {
                    Some(build) => Seen::Described { build: build.clone(), claims_final: false },
                    None => Seen::NotKnown(id),
                },
                Err(error) => Seen::LookFailed(error.to_string()),
            };
            self.show_in_a_task(row, seen).await;
        }
    }
}

/// Running, with nothing else to do than to ask after the build.
fn is_quiet(row: &Row) -> bool {
    matches!(row.phase, Phase::Running { .. }) && row.wanted == Wanted::Run
}

pub(crate) fn first_shard(instance: &str) -> u8 {
    instance.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % SHARDS
}
