use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::metrics::snake_case;
use crate::metrics::store::{BUCKETS, Distribution, Metrics};

/// `AGGREGATION_TEMPORALITY_CUMULATIVE`: enumerations are numbers in OTLP's JSON.
const CUMULATIVE: u32 = 2;

/// A time, in nanoseconds since 1970. OTLP's JSON writes 64 bits as a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnixNanos(pub(super) u64);

impl UnixNanos {
    fn to_json(self) -> Value {
        json!(self.0.to_string())
    }
}

/// The interval that an export describes: since the process began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Interval {
    pub(super) start: UnixNanos,
    pub(super) end: UnixNanos,
}

/// All metrics as an `ExportMetricsServiceRequest` in JSON; nothing without metrics.
///
/// <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>
pub(super) fn request(
    metrics: &Metrics,
    resource: &BTreeMap<String, String>,
    table: &str,
    interval: Interval,
) -> Option<String> {
    let writer = Writer { attributes: json!([attribute("table", table)]), interval };
    let counters = metrics.counters.iter().map(|(name, count)| writer.counter(name, *count));
    let gauges = metrics.gauges.iter().map(|(name, value)| writer.gauge(name, *value));
    let distributions = metrics.distributions.iter().map(|(name, values)| writer.histogram(name, values));
    let metrics: Vec<Value> = counters.chain(gauges).chain(distributions).collect();
    if metrics.is_empty() {
        return None;
    }
    let resource: Vec<Value> = resource.iter().map(|(name, value)| attribute(name, value)).collect();
    let request = json!({
        "resourceMetrics": [{
            "resource": { "attributes": resource },
            "scopeMetrics": [{
                "scope": { "name": "doorbell", "version": env!("CARGO_PKG_VERSION") },
                "metrics": metrics,
            }],
        }],
    });
    Some(request.to_string())
}

fn attribute(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}

/// Writes the metrics of one export.
struct Writer {
    attributes: Value,
    interval: Interval,
}

impl Writer {
    /// A cumulative sum: a lost export loses no count.
    fn counter(&self, name: &str, count: u64) -> Value {
        let point = json!({
            "attributes": self.attributes,
            "startTimeUnixNano": self.interval.start.to_json(),
            "timeUnixNano": self.interval.end.to_json(),
            "asInt": count.to_string(),
        });
        let sum = json!({ "aggregationTemporality": CUMULATIVE, "isMonotonic": true, "dataPoints": [point] });
        json!({ "name": metric_name(name), "sum": sum })
    }

    fn gauge(&self, name: &str, value: f64) -> Value {
        let point = json!({
            "attributes": self.attributes,
            "timeUnixNano": self.interval.end.to_json(),
            "asDouble": value,
        });
        json!({ "name": metric_name(name), "unit": unit(name), "gauge": { "dataPoints": [point] } })
    }

    fn histogram(&self, name: &str, distribution: &Distribution) -> Value {
        let point = json!({
            "attributes": self.attributes,
            "startTimeUnixNano": self.interval.start.to_json(),
            "timeUnixNano": self.interval.end.to_json(),
            "count": distribution.count.to_string(),
            "sum": distribution.sum,
            "bucketCounts": bucket_counts(distribution),
            "explicitBounds": BUCKETS,
        });
        let histogram = json!({ "aggregationTemporality": CUMULATIVE, "dataPoints": [point] });
        json!({ "name": metric_name(name), "unit": unit(name), "histogram": histogram })
    }
}

/// The values of each bucket alone, and of one more for those above the last bound: the store counts all up to a bound.
fn bucket_counts(distribution: &Distribution) -> Vec<String> {
    let up_to = distribution.up_to.iter().copied().chain([distribution.count]);
    let below = [0].into_iter().chain(distribution.up_to.iter().copied());
    up_to.zip(below).map(|(up_to, below)| (up_to - below).to_string()).collect()
}

/// `JobsReceived` as `doorbell.jobs_received`: in Prometheus it is then the same name as at `/metrics`.
fn metric_name(name: &str) -> String {
    format!("doorbell.{}", snake_case(name))
}

/// The unit by UCUM; all that is measured here is seconds.
fn unit(name: &str) -> &'static str {
    if name.contains("Seconds") { "s" } else { "" }
}

#[cfg(test)]
mod tests {
    use doorbell_engine::MetricsRecorder;

    use super::*;
    use crate::metrics::MetricStore;

    const INTERVAL: Interval =
        Interval { start: UnixNanos(1_800_000_000_000_000_000), end: UnixNanos(1_800_000_060_000_000_001) };

    fn body(store: &MetricStore) -> Option<Value> {
        let resource = [("service.name".to_owned(), "doorbell-worker".to_owned())].into();
        let text = store.with(|metrics| request(metrics, &resource, "jobs", INTERVAL));
        text.map(|text| serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn metrics_are_written_as_otlp_in_json() {
        let store = MetricStore::default();
        store.increment("JobsReceived");
        store.increment("JobsReceived");
        store.set("OldestWaitingSeconds", 2.5);
        for value in [0.5, 0.6, 4000.0] {
            store.record("SecondsToStart", value);
        }
        let body = body(&store).unwrap();
        let resource = &body["resourceMetrics"][0];
        let service = json!({ "key": "service.name", "value": { "stringValue": "doorbell-worker" } });
        assert_eq!(resource["resource"]["attributes"], json!([service]));
        let attributes = json!([{ "key": "table", "value": { "stringValue": "jobs" } }]);
        let (start, end) = ("1800000000000000000", "1800000060000000001");
        let expected = json!([
            { "name": "doorbell.jobs_received", "sum": { "aggregationTemporality": 2, "isMonotonic": true,
              "dataPoints": [
                { "attributes": attributes, "startTimeUnixNano": start, "timeUnixNano": end, "asInt": "2" },
            ] } },
            { "name": "doorbell.oldest_waiting_seconds", "unit": "s", "gauge": { "dataPoints": [
                { "attributes": attributes, "timeUnixNano": end, "asDouble": 2.5 },
            ] } },
            { "name": "doorbell.seconds_to_start", "unit": "s", "histogram": { "aggregationTemporality": 2,
              "dataPoints": [
                { "attributes": attributes, "startTimeUnixNano": start, "timeUnixNano": end, "count": "3",
                  "sum": 4001.1, "bucketCounts": ["1", "1", "0", "0", "0", "0", "0", "0", "0", "0", "0", "0", "1"],
                  "explicitBounds": BUCKETS },
            ] } },
        ]);
        assert_eq!(resource["scopeMetrics"][0]["metrics"], expected);
    }

    #[test]
    fn nothing_recorded_is_no_request() {
        assert_eq!(body(&MetricStore::default()), None);
    }
}
