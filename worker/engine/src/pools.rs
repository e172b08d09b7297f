use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use doorbell_messages::BuildProjectName;
use tokio::time::Instant;

/// How long a refusal closes a pool for this worker: a job that asks meanwhile would only be refused too.
const CLOSED: Duration = Duration::from_secs(1);

/// Which build projects the provider has just refused, as this worker saw it. A hint: nothing is lost with it.
#[derive(Debug, Default)]
pub(crate) struct Pools(Mutex<HashMap<BuildProjectName, Instant>>);

impl Pools {
    pub(crate) fn is_open(&self, pool: &BuildProjectName) -> bool {
        let pools = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pools.get(pool).is_none_or(|until| *until <= Instant::now())
    }

    pub(crate) fn close(&self, pool: BuildProjectName) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(pool, Instant::now() + CLOSED);
    }
}
