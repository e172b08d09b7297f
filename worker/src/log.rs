use anyhow::{Context, Result};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::settings::{LogFormat, WorkerSettings};

/// Sends logs to stdout, as lines for people or as JSON with a span's fields.
pub(crate) fn init(settings: &WorkerSettings) -> Result<()> {
    let filter = EnvFilter::try_new(&settings.log).with_context(|| format!("DOORBELL_LOG: \"{}\"", settings.log))?;
    match settings.log_format {
        LogFormat::Text => {
            let is_terminal = std::io::IsTerminal::is_terminal(&std::io::stdout());
            let use_color = is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            fmt().with_env_filter(filter).with_ansi(use_color).with_target(false).init();
        }
        LogFormat::Json => {
            fmt().json().flatten_event(true).with_span_list(false).with_env_filter(filter).init();
        }
    }
    Ok(())
}
