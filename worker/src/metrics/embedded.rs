use serde_json::{Map, Value, json};

use super::store::RecentMetrics;

/// Values that one metric may have in one line: a limit of the format.
const MAX_VALUES_PER_LINE: usize = 100;

/// The metrics as lines of CloudWatch's embedded metric format, each with its line break; empty without metrics.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
pub(super) fn lines(recent: &RecentMetrics, table: &str, timestamp: u64) -> String {
    let counters = recent.counters.iter().map(|(name, count)| (*name, json!(count)));
    let gauges = recent.gauges.iter().map(|(name, value)| (*name, json!(value)));
    let single: Vec<(&str, Value)> = counters.chain(gauges).collect();
    let mut lines = if single.is_empty() { String::new() } else { line(&single, table, timestamp) };
    for (name, values) in &recent.distributions {
        for chunk in values.chunks(MAX_VALUES_PER_LINE) {
            lines.push_str(&line(&[(name, json!(chunk))], table, timestamp));
        }
    }
    lines
}

fn line(metrics: &[(&str, Value)], table: &str, timestamp: u64) -> String {
    let names: Vec<Value> = metrics.iter().map(|(name, _)| json!({ "Name": name })).collect();
    let directive = json!({ "Namespace": "Doorbell", "Dimensions": [["Table"]], "Metrics": names });
    let mut fields = Map::new();
    fields.insert("_aws".to_owned(), json!({ "Timestamp": timestamp, "CloudWatchMetrics": [directive] }));
    fields.insert("Table".to_owned(), json!(table));
    fields.extend(metrics.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    format!("{}\n", Value::Object(fields))
}

#[cfg(test)]
mod tests {
    use doorbell_engine::MetricsRecorder;

    use super::*;
    use crate::metrics::MetricStore;

    #[test]
    fn every_value_of_a_distribution_is_in_some_line() {
        let store = MetricStore::default();
        store.increment("Sweeps");
        store.set("OldestWaitingSeconds", 2.5);
        (0..250).for_each(|number| store.record("SecondsToStart", f64::from(number)));
        let text = lines(&store.take(), "jobs", 1_800_000_000_000);
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&lines[0]["Sweeps"], &lines[0]["OldestWaitingSeconds"]), (&json!(1), &json!(2.5)));
        let counts: Vec<usize> =
            lines[1..].iter().map(|line| line["SecondsToStart"].as_array().unwrap().len()).collect();
        assert_eq!(counts, [100, 100, 50]);
        for line in &lines {
            assert_eq!((&line["Table"], &line["_aws"]["Timestamp"]), (&json!("jobs"), &json!(1_800_000_000_000_u64)));
            let directive = &line["_aws"]["CloudWatchMetrics"][0];
            assert_eq!((&directive["Namespace"], &directive["Dimensions"]), (&json!("Doorbell"), &json!([["Table"]])));
            for metric in directive["Metrics"].as_array().unwrap() {
                assert!(!line[metric["Name"].as_str().unwrap()].is_null(), "{line}");
            }
        }
    }

    #[test]
    fn nothing_recorded_writes_nothing() {
        assert_eq!(lines(&RecentMetrics::default(), "jobs", 0), "");
    }
}
