use std::path::Path;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::Instant;

/// Runs of the program; the median is reported.
const RUNS: usize = 41;

/// Measures how long `--version` takes and how large the binary is.
pub(super) async fn measure_version_call(program: &Path) -> anyhow::Result<Value> {
    let mut milliseconds = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let started = Instant::now();
        let output =
            Command::new(program).arg("--version").output().await.with_context(|| format!("{}", program.display()))?;
        ensure!(output.status.success(), "{} --version failed", program.display());
        milliseconds.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    milliseconds.sort_by(f64::total_cmp);
    let megabytes = std::fs::metadata(program)?.len() as f64 / 1024.0 / 1024.0;
    Ok(json!({
        "megabytes": megabytes,
        "versionMedianMilliseconds": milliseconds[RUNS / 2],
        "versionSlowestMilliseconds": milliseconds[RUNS - 1],
    }))
}
