//! Events: hints at which rows to look at. What they claim is asked of the provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use doorbell_messages::{BuildEvent, BuildId};
use futures_util::future::join_all;
use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use crate::domain::{Observation, ProviderBuild};
use crate::engine::Engine;
use crate::metrics;
use crate::ports::{BuildProvider, Delivery, MessageQueue, Ports};
use crate::receiver::{CapacityPermit, acknowledge};

impl<P: Ports> Engine<P> {
    /// Handles one batch with one question to the provider. Events are acked when their rows were shown the answer;
    /// if it does not come, they come back, and if they never do, the sweep asks.
    pub(crate) async fn handle_events(
        self: &Arc<Self>,
        queue: &impl MessageQueue,
        batch: Vec<Delivery>,
        mut capacity: CapacityPermit,
    ) {
        let (mut dead_lettered, mut receipts) = (Vec::new(), Vec::new());
        let mut claims: BTreeMap<BuildId, bool> = BTreeMap::new();
        for delivery in batch {
            match BuildEvent::parse(&delivery.body) {
                Ok(event) => {
                    *claims.entry(event.build).or_default() |= event.claims_final;
                    receipts.push(delivery.receipt);
                }
                Err(error) => dead_lettered
                    .extend(self.dead_letter(queue, delivery, format!("not an event of a build: {error}")).await),
            }
        }
        acknowledge(queue, dead_lettered).await;
        let ids: Vec<BuildId> = claims.keys().cloned().collect();
        debug_assert!(ids.len() <= self.config.jobs.provider.max_describe_batch);
        let builds = if ids.is_empty() { Ok(Vec::new()) } else { self.ports.provider().describe(&ids).await };
        match builds {
            Ok(builds) => {
                let applied = builds.into_iter().map(|build| {
                    let claims_final = claims.get(&build.id).copied().unwrap_or_default();
                    self.apply_build(build, claims_final, capacity.split(1))
                });
                join_all(applied).await;
            }
            Err(error) => {
                warn!("events stay in the queue: the builds could not be looked at: {error}");
                return;
            }
        }
        acknowledge(queue, receipts).await;
    }

    /// Comes back when the row was shown the build; what follows from it goes on by itself.
    async fn apply_build(self: &Arc<Self>, build: ProviderBuild, claims_final: bool, capacity: Option<CapacityPermit>) {
        let key = build.job_id.as_ref().and_then(|job_id| self.config.jobs.installation.job_key_in(job_id));
        let Some(key) = key else {
            metrics::foreign_event();
            debug!(build.id = %build.id, "not a build of this installation");
            return;
        };
        let Some(row) = self.load(&key).await else {
            info!(job.key = %key, build.id = %build.id, "an event of a job whose row is not there");
            return;
        };
        let (engine, (applied, was_applied)) = (Arc::clone(self), oneshot::channel());
        self.spawn_for(key, async move {
            engine.drive_and_signal(row, Observation::BuildDescribed { build, claims_final }, applied).await;
            drop(capacity);
        });
        // An error says that nobody will tell: its task is over, and the row's due time stands in for it.
        let _ = was_applied.await;
    }
}
