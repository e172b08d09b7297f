use anyhow::ensure;
use serde_json::Value;

use crate::cloudwatch::Datapoint;

/// The line that the saved queries of requests by project count.
const RECEIVED: &str = "request received";

/// Checks that the saved queries find each request that the metric `JobsReceived` counts, with its project.
///
/// # Errors
/// A request has no line, or a line has no project.
pub(super) fn ensure_each_request_is_logged(log: &str, datapoints: &[Datapoint]) -> anyhow::Result<()> {
    let counted: f64 =
        datapoints.iter().filter(|point| point.metric.name == "JobsReceived").map(|point| point.value).sum();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let is_found = |line: &Value| line["message"] == RECEIVED && line["span"]["project"].is_string();
    let logged = lines.filter(is_found).count() as f64;
    ensure!(logged == counted, "the saved queries find {logged} requests, JobsReceived counts {counted}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::cloudwatch::Metric;

    #[test]
    fn request_without_a_line_or_project_is_an_error() {
        let received = |value| Datapoint {
            metric: Metric::new("Doorbell", "JobsReceived", [("Table", "jobs")]),
            at: Timestamp::UNIX_EPOCH,
            value,
        };
        let line = |span: Value| format!("{}\n", json!({ "message": RECEIVED, "span": span }));
        let logged = line(json!({ "project": "demo" }));
        ensure_each_request_is_logged(&logged.repeat(2), &[received(2.0)]).unwrap();
        assert!(ensure_each_request_is_logged(&logged, &[received(1.0), received(1.0)]).is_err());
        assert!(ensure_each_request_is_logged(&line(json!({})), &[received(1.0)]).is_err());
    }
}
