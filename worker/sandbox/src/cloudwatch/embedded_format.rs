use anyhow::{Context, ensure};
use jiff::Timestamp;
use serde_json::Value;

use super::metric::{Datapoint, Metric};

/// Limits of the format. CloudWatch drops a line beyond them, and no alarm tells.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
const MAX_VALUES: usize = 100;
const MAX_METRICS: usize = 100;

/// The datapoints of a log, whose lines of metrics are in CloudWatch's embedded format.
///
/// # Errors
/// CloudWatch would drop a line: a metric or dimension has no field, or a limit is exceeded.
pub(crate) fn read_log(log: &str) -> anyhow::Result<Vec<Datapoint>> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut datapoints = Vec::new();
    for line in lines.filter(|line| !line["_aws"].is_null()) {
        read_line(&line, &mut datapoints).with_context(|| format!("CloudWatch would drop this line: {line}"))?;
    }
    Ok(datapoints)
}

fn read_line(line: &Value, datapoints: &mut Vec<Datapoint>) -> anyhow::Result<()> {
    let at = line["_aws"]["Timestamp"].as_i64().context("it has no timestamp")?;
    let at = Timestamp::from_millisecond(at)?;
    for directive in list(&line["_aws"]["CloudWatchMetrics"])? {
        let namespace = directive["Namespace"].as_str().context("a directive has no namespace")?;
        let metrics = list(&directive["Metrics"])?;
        ensure!(metrics.len() <= MAX_METRICS, "a directive has {} metrics", metrics.len());
        for set in list(&directive["Dimensions"])? {
            let dimensions: Vec<(&str, &str)> =
                list(set)?.iter().map(|name| dimension(line, name)).collect::<anyhow::Result<_>>()?;
            for name in metrics {
                let name = name["Name"].as_str().context("a metric has no name")?;
                let metric = Metric::new(namespace, name, dimensions.iter().copied());
                let values = values(&line[name]).with_context(|| format!("the metric {name}"))?;
                datapoints.extend(values.into_iter().map(|value| Datapoint { metric: metric.clone(), at, value }));
            }
        }
    }
    Ok(())
}

fn list(value: &Value) -> anyhow::Result<&Vec<Value>> {
    value.as_array().context("a part that should be a list is none")
}

fn dimension<'a>(line: &'a Value, name: &'a Value) -> anyhow::Result<(&'a str, &'a str)> {
    let name = name.as_str().context("a dimension's name is no string")?;
    let value = line[name].as_str().with_context(|| format!("the dimension {name} has no string"))?;
    ensure!(!value.is_empty(), "the dimension {name} is empty");
    Ok((name, value))
}

/// A number, or a list of numbers.
fn values(value: &Value) -> anyhow::Result<Vec<f64>> {
    let Value::Array(values) = value else { return Ok(vec![value.as_f64().context("has no number")?]) };
    ensure!(values.len() <= MAX_VALUES, "has {} values", values.len());
    values.iter().map(|value| value.as_f64().context("has a value that is no number")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(metrics: &Value, fields: &Value) -> String {
        let directive = json!({ "Namespace": "Doorbell", "Dimensions": [["Table"]], "Metrics": metrics });
        let mut line = json!({ "_aws": { "Timestamp": 1_800_000_000_000_u64, "CloudWatchMetrics": [directive] } });
        line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        line.to_string()
    }

    #[test]
    fn log_yields_each_value_with_its_metric() {
        let metrics = line(
            &json!([{ "Name": "Sweeps" }, { "Name": "SecondsToStart" }]),
            &json!({ "Table": "jobs", "Sweeps": 12, "SecondsToStart": [0.5, 2], "other": 7 }),
        );
        let log = format!("not JSON\n{{\"message\":\"up\"}}\n{metrics}\n");
        let found = read_log(&log).unwrap();
        let found: Vec<_> = found.iter().map(|point| (point.metric.name.as_str(), point.value)).collect();
        assert_eq!(found, [("Sweeps", 12.0), ("SecondsToStart", 0.5), ("SecondsToStart", 2.0)]);
    }

    #[test]
    fn line_that_cloudwatch_drops_is_an_error() {
        let sweeps = json!([{ "Name": "Sweeps" }]);
        let many: Vec<u32> = (0..101).collect();
        for (fields, reason) in [
            (json!({ "Sweeps": 1 }), "the dimension Table has no string"),
            (json!({ "Table": "", "Sweeps": 1 }), "the dimension Table is empty"),
            (json!({ "Table": "jobs" }), "the metric Sweeps"),
            (json!({ "Table": "jobs", "Sweeps": "1" }), "the metric Sweeps"),
            (json!({ "Table": "jobs", "Sweeps": many }), "has 101 values"),
        ] {
            let error = format!("{:#}", read_log(&line(&sweeps, &fields)).unwrap_err());
            assert!(error.contains(reason), "{error}");
        }
    }
}
