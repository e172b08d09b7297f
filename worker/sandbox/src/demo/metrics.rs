use serde_json::Value;

/// The counters in a worker's log, which are in CloudWatch's embedded format: (name, value).
pub(super) fn read_from_log(log: &str) -> Vec<(String, f64)> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["_aws"].is_object()).flat_map(|line| counters(&line)).collect()
}

fn counters(line: &Value) -> Vec<(String, f64)> {
    let fields = line.as_object().into_iter().flatten();
    // Dimensions are strings, histograms are objects; only counters are plain numbers.
    fields.filter_map(|(name, value)| Some((name.clone(), value.as_f64()?))).collect()
}
