use std::time::Duration;

use anyhow::{Context, Result};
use metrics_cloudwatch_embedded::Collector;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::metrics::EmbeddedMetrics;
use crate::settings::{LogFormat, WorkerSettings};

/// Interval at which metrics are written; CloudWatch's resolution.
const METRICS_INTERVAL: Duration = Duration::from_secs(60);

/// Sends logs to stdout, as lines for people or as JSON with a span's fields.
///
/// With JSON, metrics are written between the logs in CloudWatch's embedded metric format, which needs no agent and no
/// port.
pub(crate) fn init(settings: &WorkerSettings) -> Result<Option<&'static Collector>> {
    let filter = EnvFilter::try_new(&settings.log).with_context(|| format!("DOORBELL_LOG: \"{}\"", settings.log))?;
    match settings.log_format {
        LogFormat::Text => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
            let use_color = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            fmt().with_env_filter(filter).with_ansi(use_color).with_target(false).init();
            Ok(None)
        }
        LogFormat::Json => {
            fmt().json().flatten_event(true).with_span_list(false).with_env_filter(filter).init();
            let collector = metrics_cloudwatch_embedded::Builder::new()
                .cloudwatch_namespace("Doorbell")
                .with_dimension("Table", settings.table.clone())
                .with_auto_flush_interval(METRICS_INTERVAL)
                .init()
                .map_err(|error| anyhow::anyhow!("metrics: {error}"))?;
            doorbell_engine::set_metrics_recorder(Box::new(EmbeddedMetrics));
            Ok(Some(collector))
        }
    }
}
