use std::time::Duration;

use anyhow::{Context, Result};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::metrics::otlp::{OtlpExporter, OtlpSettings};
use crate::metrics::{EmbeddedMetrics, MetricSource};

/// The longest time for the last export by OTLP. A collector beside the worker answers within milliseconds.
const LAST_EXPORT_TIMEOUT: Duration = Duration::from_secs(2);

/// The tasks that take metrics out of the process.
#[derive(Debug)]
pub(crate) struct MetricExports {
    embedded: Option<(EmbeddedMetrics, JoinHandle<()>)>,
    otlp: Option<(CancellationToken, JoinHandle<OtlpExporter>)>,
}

impl MetricExports {
    /// Starts the embedded format where the log takes it, and OTLP where it is set.
    ///
    /// # Errors
    /// No HTTP client can be created.
    pub(crate) fn start(
        source: MetricSource,
        has_embedded: bool,
        otlp: Option<OtlpSettings>,
        instance: &str,
    ) -> Result<Self> {
        let otlp = otlp.map(|settings| OtlpExporter::new(settings, source.clone(), instance)).transpose()?;
        let stop = CancellationToken::new();
        let embedded = has_embedded.then_some(EmbeddedMetrics(source));
        Ok(Self {
            embedded: embedded.map(|embedded| (embedded.clone(), tokio::spawn(embedded.run()))),
            otlp: otlp.map(|otlp| (stop.clone(), tokio::spawn(otlp.run(stop)))),
        })
    }

    /// Stops the tasks, and exports what was recorded since their last interval, within `limit`.
    ///
    /// # Errors
    /// The log cannot be written. A collector that fails is a line of the log, and no error.
    pub(crate) async fn finish(self, limit: Duration) -> Result<()> {
        // Into the log first: no collector may delay what alarms read.
        let written = match self.embedded {
            Some((embedded, task)) => {
                task.abort();
                embedded.write().context("cannot write the last metrics")
            }
            None => Ok(()),
        };
        if let Some((stop, task)) = self.otlp {
            stop.cancel();
            if let Ok(mut exporter) = task.await {
                exporter.export(limit.min(LAST_EXPORT_TIMEOUT)).await;
            }
        }
        written
    }
}
