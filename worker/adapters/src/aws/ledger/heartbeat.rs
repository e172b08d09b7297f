use std::time::Duration;

use doorbell_engine::domain::Timestamp;
use doorbell_engine::ports::PortError;

use crate::aws::connection::{AwsCallError, aws_error, port_error};

use super::DynamoDbLedger;
use super::item::{expiry_value, number_value, string_value, time_value};

/// The key of the heartbeat's item.
const HEARTBEAT_KEY: &str = "#heartbeat";

/// How long the heartbeat stays after its last write.
const HEARTBEAT_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The heartbeat: the last time that a worker swept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastSweep {
    /// When it was written: at most a minute after a sweep.
    pub at: Timestamp,
    /// The worker's principal, as STS has it.
    pub principal: Option<String>,
    /// The worker's limit of the installation's builds; none also if an older worker wrote it.
    pub max_builds: Option<u32>,
}

/// What a worker says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatWorker {
    /// A unique name of its process.
    pub instance: String,
    /// Its principal, as STS has it.
    pub principal: String,
    /// Its limit of the installation's builds.
    pub max_builds: Option<u32>,
}

impl DynamoDbLedger {
    /// Writes the heartbeat: one item for all workers, of which the latest counts.
    pub async fn write_heartbeat(&self, now: Timestamp, worker: &HeartbeatWorker) -> Result<(), PortError> {
        let set = [
            ("at", time_value(now)),
            ("instance", string_value(&worker.instance)),
            ("principal", string_value(&worker.principal)),
            // 0 without a limit: a write removes no attribute.
            ("max_builds", number_value(worker.max_builds.unwrap_or(0).into())),
            ("expires_at", expiry_value(now + HEARTBEAT_RETENTION)),
        ];
        self.write_item(HEARTBEAT_KEY, set, "").await.map_err(|error| port_error("UpdateItem (heartbeat)", error))
    }

    /// The last sweep by a worker; none if there never was one.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn last_sweep(&self) -> Result<Option<LastSweep>, AwsCallError> {
        let call =
            self.client.get_item().table_name(&self.name).key("pk", string_value(HEARTBEAT_KEY)).consistent_read(true);
        let answer = call.send().await.map_err(|error| aws_error("GetItem", error))?;
        let Some(item) = answer.item else { return Ok(None) };
        let at = item.get("at").and_then(|value| value.as_n().ok()?.parse().ok());
        let principal = item.get("principal").and_then(|value| value.as_s().ok()).cloned();
        let max_builds = item.get("max_builds").and_then(|value| value.as_n().ok()?.parse().ok());
        let max_builds = max_builds.filter(|max| *max > 0);
        Ok(at.map(|at| LastSweep { at: Timestamp::from_millis(at), principal, max_builds }))
    }
}
