//! Events: hints at which rows to look at. What they claim is asked of the provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use doorbell_messages::{BuildEvent, BuildId};
use futures_util::future::join_all;
use tokio::sync::oneshot;
use tracing::{debug, info, warn};

use crate::domain::{ProviderBuild, Seen};
use crate::engine::Engine;
use crate::meter;
use crate::ports::{Builds, Deliveries, Delivery, MOST_DESCRIBED, World};
use crate::receiver::{Room, acknowledge};

impl<W: World> Engine<W> {
    /// Handles one batch with one question to the provider. Events are acked when their rows were shown the answer;
    /// if it does not come, they come back, and if they never do, the sweep asks.
    pub(crate) async fn take_events(
        self: &Arc<Self>,
        deliveries: &impl Deliveries,
        batch: Vec<Delivery>,
        mut room: Room,
    ) {
        let (mut buried, mut heard) = (Vec::new(), Vec::new());
        let mut claims: BTreeMap<BuildId, bool> = BTreeMap::new();
        for delivery in batch {
            match BuildEvent::parse(&delivery.body) {
                Ok(event) => {
                    *claims.entry(event.build).or_default() |= event.claims_final;
                    heard.push(delivery.receipt);
                }
                Err(error) => {
                    buried.extend(self.bury(deliveries, delivery, format!("not an event of a build: {error}")).await)
                }
            }
        }
        acknowledge(deliveries, buried).await;
        let ids: Vec<BuildId> = claims.keys().cloned().collect();
        debug_assert!(ids.len() <= MOST_DESCRIBED);
        let builds = if ids.is_empty() { Ok(Vec::new()) } else { self.world.builds().describe(&ids).await };
        match builds {
            Ok(builds) => {
                let shown = builds.into_iter().map(|build| {
                    let claims_final = claims.get(&build.id).copied().unwrap_or_default();
                    self.show(build, claims_final, room.split(1))
                });
                join_all(shown).await;
            }
            Err(error) => {
                warn!("events stay in the queue: the builds could not be looked at: {error}");
                return;
            }
        }
        acknowledge(deliveries, heard).await;
    }

    /// Comes back when the row was shown the build; what follows from it goes on by itself.
    async fn show(self: &Arc<Self>, build: ProviderBuild, claims_final: bool, room: Option<Room>) {
        let key = build.job_id.as_ref().and_then(|job_id| self.settings.rules.deployment.own_key(job_id));
        let Some(key) = key else {
            meter::foreign_event();
            debug!(build.id = %build.id, "not a build of this installation");
            return;
        };
        let Some(row) = self.load(&key).await else {
            info!(job.key = %key, build.id = %build.id, "an event of a job whose row is not there");
            return;
        };
        let (engine, (shown, was_shown)) = (Arc::clone(self), oneshot::channel());
        self.spawn_for(key, async move {
            engine.drive_and_tell(row, Seen::Described { build, claims_final }, shown).await;
            drop(room);
        });
        // An error says that nobody will tell: its task is over, and the row's due time stands in for it.
        let _ = was_shown.await;
    }
}
