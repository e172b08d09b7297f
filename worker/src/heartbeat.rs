use std::time::Duration;

use doorbell_adapters::aws::{DynamoDbLedger, HeartbeatWorker};
use doorbell_engine::ports::Clock;
use tracing::warn;

use crate::health::Health;

/// Interval of heartbeat writes: one a minute.
///
/// An idle worker leaves no other trace in the account, so `doorbell doctor` would not see that it runs.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(60);

/// Interval at which the worker checks whether it sweeps.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Writes the heartbeat until it is dropped. A failed write is a warning: no job depends on it.
pub(crate) async fn run(ledger: DynamoDbLedger, health: Health, worker: HeartbeatWorker) {
    loop {
        let Some(now) = health.clock.now().filter(|_| health.is_sweeping()) else {
            tokio::time::sleep(POLL_INTERVAL).await;
            continue;
        };
        if let Err(error) = ledger.write_heartbeat(now, &worker).await {
            warn!("heartbeat write failed, will retry: {error}");
        }
        tokio::time::sleep(HEARTBEAT_INTERVAL).await;
    }
}
