use std::time::Duration;

use doorbell_adapters::aws::DynamoDbLedger;
use doorbell_engine::ports::Clock;
use tracing::warn;

use crate::health::Health;

/// How often a sweeping worker says so in the ledger, for those who look from outside: a write a minute. A worker that
/// has nothing to do leaves no other trace, and `doorbell doctor` could not tell it from none.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(60);

/// How soon it is looked again whether this worker sweeps.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Writes until it is dropped. A failure is a warning: no job depends on it.
pub(crate) async fn run(ledger: DynamoDbLedger, health: Health, instance: String, principal: String) {
    loop {
        let Some(now) = health.clock.now().filter(|_| health.is_sweeping()) else {
            tokio::time::sleep(POLL_INTERVAL).await;
            continue;
        };
        if let Err(error) = ledger.write_heartbeat(now, &instance, &principal).await {
            warn!("the heartbeat could not be written: {error}");
        }
        tokio::time::sleep(HEARTBEAT_INTERVAL).await;
    }
}
