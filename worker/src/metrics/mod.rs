//! The worker's metrics: one store, and the three formats in which they leave it.
//!
//! Each format is few lines of text, so no crate writes it. The crate that did lost values of a distribution beyond
//! a hundred a minute, and logged an error for each (docs/decisions/0073, 0080).

mod embedded;
mod exports;
mod otlp;
mod prometheus;
mod store;

use std::time::Duration;

use doorbell_adapters::aws::AwsClock;
use doorbell_engine::ports::Clock;

pub(crate) use exports::MetricExports;
pub(crate) use otlp::OtlpSettings;
pub(crate) use store::MetricStore;

/// Interval at which metrics are written to the log; CloudWatch's resolution.
const WRITE_INTERVAL: Duration = Duration::from_secs(60);

/// What every export needs.
#[derive(Debug, Clone)]
pub(crate) struct MetricSource {
    pub(crate) store: MetricStore,
    pub(crate) table: String,
    pub(crate) clock: AwsClock,
}

impl MetricSource {
    /// Milliseconds of AWS's time. CloudWatch drops data of a clock that is hours off.
    fn timestamp(&self) -> u64 {
        let since_epoch = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        self.clock.now().map_or_else(|| since_epoch().as_millis() as u64, |now| now.as_millis().unsigned_abs())
    }
}

/// Writes metrics to standard output, between the log lines, in CloudWatch's embedded metric format.
#[derive(Debug, Clone)]
pub(crate) struct EmbeddedMetrics(MetricSource);

impl EmbeddedMetrics {
    /// Writes every [`WRITE_INTERVAL`], until it is dropped.
    pub(crate) async fn run(self) {
        loop {
            tokio::time::sleep(WRITE_INTERVAL).await;
            // Standard output is the log, too: where it is closed, no line about it would arrive.
            let _ = self.write();
        }
    }

    /// Writes what was recorded since the last write.
    pub(crate) fn write(&self) -> std::io::Result<()> {
        let Self(source) = self;
        let lines = embedded::lines(&source.store.take(), &source.table, source.timestamp());
        std::io::Write::write_all(&mut std::io::stdout().lock(), lines.as_bytes())
    }
}

/// What Prometheus reads at `GET /metrics`.
pub(crate) fn prometheus_text(store: &MetricStore, table: &str) -> String {
    store.with(|metrics| prometheus::text(metrics, table))
}

/// `JobsReceived` as `jobs_received`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}
