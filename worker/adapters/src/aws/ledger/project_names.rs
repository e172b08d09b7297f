use std::time::Duration;

use doorbell_engine::domain::Timestamp;
use doorbell_engine::ports::{NameStore, PortError};
use doorbell_messages::ProjectName;

use crate::aws::connection::port_error;

use super::DynamoDbLedger;
use super::item::{SCHEMA, expiry_value, string_value, time_value};

/// The key of the item with the registered names.
const REGISTRY_KEY: &str = "#registry";

/// How long the list stays after its last write.
const LIST_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// An item holds 400 KB. Names beyond this are found by the pass of each worker alone.
const MAX_LIST_BYTES: usize = 300_000;

/// Between two names; no name holds one.
const SEPARATOR: &str = ",";

impl NameStore for DynamoDbLedger {
    async fn load(&self) -> Result<Vec<ProjectName>, PortError> {
        let call =
            self.client.get_item().table_name(&self.name).key("pk", string_value(REGISTRY_KEY)).consistent_read(true);
        let answer = call.send().await.map_err(|error| port_error("GetItem (registry)", error))?;
        let Some(item) = answer.item else { return Ok(Vec::new()) };
        let schema: Option<u32> = item.get("schema").and_then(|value| value.as_n().ok()?.parse().ok());
        if schema.is_none_or(|schema| schema > SCHEMA) {
            return Ok(Vec::new());
        }
        let names = item.get("names").and_then(|value| value.as_s().ok()).map(String::as_str).unwrap_or_default();
        Ok(names.split(SEPARATOR).filter_map(|name| name.parse().ok()).collect())
    }

    /// The last writer wins: each list is that of a whole pass, and the next pass corrects it.
    async fn store(&self, names: &[ProjectName], now: Timestamp) -> Result<(), PortError> {
        let mut list = String::new();
        for name in names.iter().map(ProjectName::as_str) {
            if list.len() + name.len() > MAX_LIST_BYTES {
                break;
            }
            if !list.is_empty() {
                list.push_str(SEPARATOR);
            }
            list.push_str(name);
        }
        let set = [
            ("at", time_value(now)),
            ("names", string_value(&list)),
            ("expires_at", expiry_value(now + LIST_RETENTION)),
        ];
        self.write_item(REGISTRY_KEY, set, "").await.map_err(|error| port_error("UpdateItem (registry)", error))
    }
}
