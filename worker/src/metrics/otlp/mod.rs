mod body;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use doorbell_adapters::collector::{CollectorClient, CollectorSettings};
use doorbell_engine::MetricsRecorder;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::body::{Interval, UnixNanos};
use crate::metrics::MetricSource;

/// The settings of OTLP, by OpenTelemetry's own variables.
#[derive(Debug)]
pub(crate) struct OtlpSettings {
    pub(crate) collector: CollectorSettings,
    pub(crate) interval: Duration,
    /// The longest time for one export with its retries.
    pub(crate) timeout: Duration,
    pub(crate) resource: BTreeMap<String, String>,
}

/// Exports all metrics to an OpenTelemetry collector.
///
/// A collector that fails costs only this task's time: the metrics stay in the store, and sums are cumulative.
#[derive(Debug)]
pub(crate) struct OtlpExporter {
    source: MetricSource,
    client: CollectorClient,
    interval: Duration,
    timeout: Duration,
    resource: BTreeMap<String, String>,
    began: Instant,
    /// The start time of all sums, once it is known: it must never change, or the sums seem to begin anew.
    start: Option<UnixNanos>,
    failure: Option<String>,
}

impl OtlpExporter {
    /// # Errors
    /// No HTTP client can be created.
    pub(crate) fn new(settings: OtlpSettings, source: MetricSource, instance: &str) -> Result<Self> {
        let client = CollectorClient::new(settings.collector).context("OTLP: cannot create an HTTP client")?;
        let mut resource = settings.resource;
        // Without it the sums of two workers would be one series that jumps.
        resource.entry("service.instance.id".to_owned()).or_insert_with(|| instance.to_owned());
        Ok(Self {
            source,
            client,
            interval: settings.interval,
            timeout: settings.timeout,
            resource,
            began: Instant::now(),
            start: None,
            failure: None,
        })
    }

    /// Exports every interval until `stop` is cancelled, and returns itself for the last export.
    ///
    /// An export that the stop interrupts is repeated by the last one, with the same sums or higher ones.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Self {
        let periodic = async {
            let mut ticks = tokio::time::interval_at(self.began + self.interval, self.interval);
            // An export may last longer than the interval.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                self.export(self.timeout).await;
            }
        };
        tokio::select! {
            () = periodic => {}
            () = stop.cancelled() => {}
        }
        self
    }

    /// Exports all metrics, with retries within `timeout`.
    pub(crate) async fn export(&mut self, timeout: Duration) {
        let interval = self.interval_since_start();
        let MetricSource { store, table, .. } = &self.source;
        let body = store.with(|metrics| body::request(metrics, &self.resource, table, interval));
        let Some(body) = body else { return };
        let outcome = self.client.export(&body, timeout).await;
        self.note(outcome.err());
    }

    /// Logs changes only: a collector that is down for a night is one line.
    fn note(&mut self, failure: Option<String>) {
        if failure.is_some() {
            self.source.store.increment("MetricExportFailures");
        }
        if failure == self.failure {
            return;
        }
        match &failure {
            Some(reason) => warn!("metrics export failed: {reason}"),
            None => info!("metrics export works again"),
        }
        self.failure = failure;
    }

    fn interval_since_start(&mut self) -> Interval {
        let now = UnixNanos(self.source.timestamp().saturating_mul(1_000_000));
        let age = u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let start = *self.start.get_or_insert(UnixNanos(now.0.saturating_sub(age)));
        // AWS's time may turn out to be earlier than the local clock's at the first export.
        Interval { start, end: now.max(start) }
    }
}

#[cfg(test)]
mod tests {
    use doorbell_adapters::aws::AwsClock;
    use doorbell_adapters::forge::CaCertificates;

    use super::*;
    use crate::metrics::MetricStore;

    fn exporter(store: &MetricStore, attributes: &[(&str, &str)]) -> OtlpExporter {
        let resource = attributes.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let settings = OtlpSettings {
            collector: CollectorSettings {
                // Nothing listens there.
                url: "http://127.0.0.1:1".parse().unwrap(),
                headers: "".parse().unwrap(),
                certificates: CaCertificates::default(),
                call_timeout: Duration::from_secs(1),
            },
            interval: Duration::from_secs(60),
            timeout: Duration::from_secs(1),
            resource,
        };
        let source = MetricSource { store: store.clone(), table: "jobs".to_owned(), clock: AwsClock::default() };
        OtlpExporter::new(settings, source, "4c08f9e2").unwrap()
    }

    #[test]
    fn start_time_of_sums_never_changes() {
        let mut exporter = exporter(&MetricStore::default(), &[]);
        let first = exporter.interval_since_start();
        std::thread::sleep(Duration::from_millis(5));
        let second = exporter.interval_since_start();
        assert_eq!(first.start, second.start);
        assert!(first.start <= first.end && first.end < second.end, "{first:?} {second:?}");
    }

    #[test]
    fn each_worker_is_an_instance_of_its_own() {
        let instance =
            |attributes| exporter(&MetricStore::default(), attributes).resource["service.instance.id"].clone();
        assert_eq!(instance(&[]), "4c08f9e2");
        assert_eq!(instance(&[("service.instance.id", "a")]), "a");
    }

    #[tokio::test]
    async fn failed_exports_are_counted_and_keep_the_sums() {
        let store = MetricStore::default();
        let mut exporter = exporter(&store, &[]);
        exporter.export(Duration::from_millis(300)).await;
        assert!(exporter.failure.is_none(), "nothing recorded, nothing sent");
        store.increment("Sweeps");
        for _ in 0..2 {
            exporter.export(Duration::from_millis(300)).await;
        }
        let reason = exporter.failure.unwrap();
        assert!(reason.starts_with("it can't be reached"), "{reason}");
        store.with(|metrics| {
            assert_eq!((metrics.counters["MetricExportFailures"], metrics.counters["Sweeps"]), (2, 1));
        });
    }
}
