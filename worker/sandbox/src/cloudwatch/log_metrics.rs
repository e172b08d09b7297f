use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::metric::{Datapoint, Metric};
use crate::aws::{AwsClient, AwsError};

/// The bytes of each log group by its name.
pub(crate) type StoredBytes = BTreeMap<String, f64>;

/// The bytes that each log group of the account holds. The emulator counts them at once; AWS is hours behind.
///
/// # Errors
/// A call failed.
pub(crate) async fn stored_bytes(root: &AwsClient) -> Result<StoredBytes, AwsError> {
    let mut stored = StoredBytes::new();
    let mut page = json!({});
    loop {
        let response = root.json("logs", "Logs_20140328.DescribeLogGroups", page).await?;
        for group in response["logGroups"].as_array().into_iter().flatten() {
            let name = group["logGroupName"].as_str().unwrap_or_default().to_owned();
            stored.insert(name, group["storedBytes"].as_f64().unwrap_or_default());
        }
        match response["nextToken"].as_str() {
            Some(token) => page = json!({ "nextToken": token }),
            None => return Ok(stored),
        }
    }
}

/// The datapoints that CloudWatch Logs writes for what came in between: none for a group into which nothing came.
///
/// The emulator writes none.
pub(crate) fn log_datapoints(before: &StoredBytes, after: &StoredBytes, at: Timestamp) -> Vec<Datapoint> {
    let incoming = after.iter().map(|(group, bytes)| (group, bytes - before.get(group).copied().unwrap_or_default()));
    let incoming = incoming.filter(|(_, bytes)| *bytes > 0.0);
    let datapoint = |(group, value): (&String, f64)| Datapoint {
        metric: Metric::new("AWS/Logs", "IncomingBytes", [("LogGroupName", group.as_str())]),
        at,
        value,
    };
    incoming.map(datapoint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datapoint_is_what_came_into_a_group() {
        let stored = |groups: &[(&str, f64)]| groups.iter().map(|(name, bytes)| ((*name).to_owned(), *bytes)).collect();
        let before = stored(&[("/a", 5.0), ("/b", 7.0)]);
        let after = stored(&[("/a", 9.0), ("/b", 7.0), ("/c", 3.0)]);
        let found = log_datapoints(&before, &after, Timestamp::UNIX_EPOCH);
        let metric = |group| Metric::new("AWS/Logs", "IncomingBytes", [("LogGroupName", group)]);
        let values: Vec<_> = found.into_iter().map(|point| (point.metric, point.value)).collect();
        assert_eq!(values, [(metric("/a"), 4.0), (metric("/c"), 3.0)]);
    }
}
