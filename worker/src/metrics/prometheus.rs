use std::fmt::Write;

use super::snake_case;
use super::store::{BUCKETS, Distribution, Metrics};

/// The metrics in Prometheus's text format, version 0.0.4.
///
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>
pub(super) fn text(metrics: &Metrics, table: &str) -> String {
    let table = escape(table);
    let mut text = String::new();
    for (name, count) in &metrics.counters {
        let name = format!("{}_total", metric_name(name));
        let _ = write!(text, "# TYPE {name} counter\n{name}{{table=\"{table}\"}} {count}\n");
    }
    for (name, value) in &metrics.gauges {
        let name = metric_name(name);
        let _ = write!(text, "# TYPE {name} gauge\n{name}{{table=\"{table}\"}} {value}\n");
    }
    for (name, distribution) in &metrics.distributions {
        write_distribution(&mut text, &metric_name(name), distribution, &table);
    }
    text
}

fn write_distribution(text: &mut String, name: &str, distribution: &Distribution, table: &str) {
    let Distribution { sum, count, up_to } = distribution;
    let _ = writeln!(text, "# TYPE {name} histogram");
    for (count, bound) in up_to.iter().zip(BUCKETS) {
        let _ = writeln!(text, "{name}_bucket{{table=\"{table}\",le=\"{bound}\"}} {count}");
    }
    let _ = writeln!(text, "{name}_bucket{{table=\"{table}\",le=\"+Inf\"}} {count}");
    let _ = write!(text, "{name}_sum{{table=\"{table}\"}} {sum}\n{name}_count{{table=\"{table}\"}} {count}\n");
}

/// `JobsReceived` as `doorbell_jobs_received`.
fn metric_name(name: &str) -> String {
    format!("doorbell_{}", snake_case(name))
}

fn escape(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use doorbell_engine::MetricsRecorder;

    use super::*;
    use crate::metrics::MetricStore;

    #[test]
    fn metrics_are_rendered_in_the_text_format() {
        let store = MetricStore::default();
        store.increment("JobsReceived");
        store.increment("JobsReceived");
        store.set("OldestWaitingSeconds", 7.0);
        store.record("SecondsToStart", 1.5);
        store.record("SecondsToStart", 7200.0);
        let text = store.with(|metrics| text(metrics, "a\"b"));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..4],
            [
                "# TYPE doorbell_jobs_received_total counter",
                "doorbell_jobs_received_total{table=\"a\\\"b\"} 2",
                "# TYPE doorbell_oldest_waiting_seconds gauge",
                "doorbell_oldest_waiting_seconds{table=\"a\\\"b\"} 7",
            ]
        );
        for line in [
            "doorbell_seconds_to_start_bucket{table=\"a\\\"b\",le=\"1\"} 0",
            "doorbell_seconds_to_start_bucket{table=\"a\\\"b\",le=\"2\"} 1",
            "doorbell_seconds_to_start_bucket{table=\"a\\\"b\",le=\"+Inf\"} 2",
            "doorbell_seconds_to_start_sum{table=\"a\\\"b\"} 7201.5",
            "doorbell_seconds_to_start_count{table=\"a\\\"b\"} 2",
        ] {
            assert!(lines.contains(&line), "{line} is not in {text}");
        }
    }
}
