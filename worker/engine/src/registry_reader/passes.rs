//! Passes over the registry: each lists all registered names.

use std::collections::HashSet;
use std::time::Duration;

use doorbell_messages::ProjectName;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::{MAX_PAUSE, RegistryReader};
use crate::drive::JobDriver;
use crate::ports::{Clock, JobLedger, NameStore, ProjectRegistry, RegistryError};

/// Time between the beginnings of two passes while unknown names are asked.
const ASKED_PASS_INTERVAL: Duration = Duration::from_secs(30);

/// The same while none is: a project that was added is known after this without being asked.
const IDLE_PASS_INTERVAL: Duration = Duration::from_secs(10 * 60);

/// How long the list of names may be stored unchanged before it is written again, so that it does not expire.
const STORE_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// Pause after a failed call, doubled each time.
///
/// It is longer than that of single reads, and gathered reads have none: where SSM throttles, it is to serve the
/// registered projects first.
const PASS_PAUSE: Duration = Duration::from_secs(10);

impl<R, N, L, C, D> RegistryReader<R, N, L, C, D>
where
    R: ProjectRegistry,
    N: NameStore,
    L: JobLedger + 'static,
    C: Clock + 'static,
    D: JobDriver,
{
    /// Lists the names, again and again.
    ///
    /// The stored list comes first: a worker that starts in the middle of a flood knows the registered names at once.
    pub(super) async fn run_passes(&self) {
        let mut stored = match self.stored_names.load().await {
            Ok(names) => names,
            Err(error) => {
                warn!("list of registered projects could not be loaded; reading the registry instead: {error}");
                Vec::new()
            }
        };
        self.policies.add_known(stored.iter().cloned());
        let mut stored_at = None;
        loop {
            let began_at = Instant::now();
            self.pass(began_at).await;
            let names = self.policies.known_names();
            if names != stored || stored_at.is_none_or(|at: Instant| at.elapsed() > STORE_INTERVAL) {
                stored_at = self.store_names(&names).await.then(Instant::now);
                stored = names;
            }
            let asked = async {
                self.policies.pass_wanted.notified().await;
                tokio::time::sleep_until(began_at + ASKED_PASS_INTERVAL).await;
            };
            let _ = tokio::time::timeout_at(began_at + IDLE_PASS_INTERVAL, asked).await;
        }
    }

    async fn store_names(&self, names: &[ProjectName]) -> bool {
        let Some(now) = self.clock.now() else { return false };
        match self.stored_names.store(names, now).await {
            Ok(()) => true,
            Err(error) => {
                warn!("list of registered projects not stored; the next pass retries: {error}");
                false
            }
        }
    }

    /// Lists all names once, however long it takes.
    async fn pass(&self, began_at: Instant) {
        let began = self.wait_for_time().await;
        let (mut found, mut after, mut pause) = (HashSet::new(), None, PASS_PAUSE);
        loop {
            let called_at = Instant::now();
            let page = self.registry.list_names(after.clone()).await;
            self.note_throttling(&page);
            match page {
                Ok(page) => {
                    pause = PASS_PAUSE;
                    self.pace.speed_up();
                    self.policies.add_known(page.names.iter().cloned());
                    found.extend(page.names);
                    after = page.next;
                    if after.is_none() {
                        break;
                    }
                    tokio::time::sleep_until(called_at + self.pace.interval()).await;
                }
                Err(error) => {
                    info!("registry could not be listed, will retry: {error}");
                    if !matches!(error, RegistryError::Throttled(_)) {
                        // Its place in the list may have expired.
                        after = None;
                        found.clear();
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(MAX_PAUSE);
                }
            }
        }
        let decided = self.policies.end_pass(began, began_at, &found);
        debug!(projects = found.len(), rejected = decided.len(), "registry listed");
        self.reject(decided);
    }
}
