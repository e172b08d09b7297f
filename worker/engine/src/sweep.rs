//! The only timer there is: rows whose due time has come.

use std::future::Future;
use std::sync::Arc;

use doorbell_messages::{BuildId, JobKey};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use crate::domain::{DesiredState, Observation, Phase, Row, Timestamp};
use crate::drive::log_load_error;
use crate::engine::Engine;
use crate::liveness::LoopKind;
use crate::metrics;
use crate::ports::{BuildProvider, Clock, DuePage, JobLedger, PortError, Ports, SHARDS};

impl<P: Ports> Engine<P> {
    pub(crate) async fn sweep(self: Arc<Self>, stop: CancellationToken) {
        let mut first = first_shard(&self.config.instance);
        loop {
            match self.sweep_once(first, &stop).await {
                Ok(()) => {
                    self.liveness().record_success(LoopKind::Sweep);
                    metrics::sweep_completed();
                }
                Err(error) => warn!("the sweep did not get through: {error}"),
            }
            // Workers that started together drift apart over the shards.
            first = (first + 5) % SHARDS;
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.config.sweep_interval) => {}
            }
        }
    }

    async fn sweep_once(self: &Arc<Self>, first: u8, stop: &CancellationToken) -> Result<(), PortError> {
        // Running builds are asked after together, whatever shard they are in: a call takes a hundred.
        let max_batch = self.config.jobs.provider.max_describe_batch;
        let mut to_poll: Vec<Row> = Vec::new();
        for shard in (0..SHARDS).map(|step| (first + step) % SHARDS) {
            if stop.is_cancelled() {
                return Ok(());
            }
            let now = self.now()?;
            let mut after = None;
            // Paging goes past what this worker may not touch: rows in hand, rows of a newer schema.
            loop {
                let DuePage { keys, next } = self.ports.ledger().due(shard, now, after).await?;
                let keys: Vec<JobKey> = keys.into_iter().filter(|key| !self.is_in_flight(key)).collect();
                if !keys.is_empty() {
                    debug!(shard, due = keys.len(), "rows are due");
                    to_poll.extend(self.process_due(keys, now).await);
                }
                while to_poll.len() >= max_batch {
                    let batch = to_poll.split_off(to_poll.len() - max_batch);
                    self.poll_running(batch).await;
                }
                match next.filter(|_| !stop.is_cancelled()) {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        if !to_poll.is_empty() {
            self.poll_running(to_poll).await;
        }
        Ok(())
    }

    fn now(&self) -> Result<Timestamp, PortError> {
        self.ports.clock().now().ok_or_else(|| PortError("AWS's time is not known".to_owned()))
    }

    /// The index may be stale: rows are read consistently before anything is decided. Those that only have to be asked
    /// after are handed back.
    async fn process_due(self: &Arc<Self>, keys: Vec<JobKey>, now: Timestamp) -> Vec<Row> {
        let rows = self.ports.ledger().load(&keys).await;
        let mut to_poll = Vec::new();
        for (key, row) in keys.iter().zip(rows) {
            match row {
                Ok(Some(row)) if row.may_be_poison(now) => {
                    self.spawn_with_capacity(row.key.clone(), move |engine| async move {
                        engine.handle_possible_poison(row, Observation::Due).await;
                    })
                    .await;
                }
                Ok(Some(row)) if needs_only_polling(&row) => to_poll.push(row),
                Ok(Some(row)) => self.spawn_drive(row, Observation::Due).await,
                Ok(None) => {}
                Err(error) => log_load_error(key, &error),
            }
        }
        to_poll
    }

    async fn spawn_drive(self: &Arc<Self>, row: Row, observation: Observation) {
        self.spawn_with_capacity(row.key.clone(), move |engine| async move { engine.drive(row, observation).await })
            .await;
    }

    async fn spawn_with_capacity<F>(self: &Arc<Self>, key: JobKey, work: impl FnOnce(Arc<Self>) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        // The semaphore is never closed; if it were, the row's due time would bring it back.
        let Ok(capacity) = Arc::clone(&self.capacity).acquire_owned().await else { return };
        let work = work(Arc::clone(self));
        self.spawn_for(key, async move {
            work.await;
            drop(capacity);
        });
    }

    async fn poll_running(self: &Arc<Self>, rows: Vec<Row>) {
        let ids: Vec<BuildId> = rows.iter().filter_map(|row| row.build().map(|build| build.id.clone())).collect();
        let result = self.ports.provider().describe(&ids).await;
        if let Err(error) = &result {
            warn!(builds = ids.len(), "the builds could not be looked at: {error}");
        }
        for (row, id) in rows.into_iter().zip(ids) {
            let observation = match &result {
                Ok(builds) => match builds.iter().find(|build| build.id == id) {
                    Some(build) => Observation::BuildDescribed { build: build.clone(), claims_final: false },
                    None => Observation::BuildMissing(id),
                },
                Err(error) => Observation::QueryFailed(error.to_string()),
            };
            self.spawn_drive(row, observation).await;
        }
    }
}

/// Running, with nothing else to do than to ask after the build.
fn needs_only_polling(row: &Row) -> bool {
    matches!(row.phase, Phase::Running { .. }) && row.desired == DesiredState::Run
}

pub(crate) fn first_shard(instance: &str) -> u8 {
    instance.bytes().fold(0u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % SHARDS
}
