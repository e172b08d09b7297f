//! A CI that rings the bell, and rings again until it was heard.
use std::time::Duration;

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::plan::Planned;
use crate::sandbox::Sandbox;

/// `trigger_job` processes at once.
pub(super) const AT_ONCE: usize = 8;

/// A CI's step is run again by people; here at once.
const MOST_TRIES: u32 = 20;

/// A request that was heard.
#[derive(Debug, Clone)]
pub(super) struct Rung {
    /// The job's key, as `trigger_job` says it.
    pub(super) key: String,
    /// When the first `trigger_job` that was heard had ended.
    pub(super) at: Timestamp,
}

/// Publishes each job as often as its plan says, by `trigger_job`, and answers in the same order. Each of [`AT_ONCE`]
/// waits for `pause` after each time.
pub(super) async fn publish(
    sandbox: &Sandbox,
    jobs: &[Planned],
    environment: &[(&str, String)],
    pause: Duration,
) -> anyhow::Result<Vec<Rung>> {
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let rings = jobs.iter().map(|job| ring(sandbox, job, &environment, pause));
    stream::iter(rings).buffered(AT_ONCE).try_collect().await
}

async fn ring(sandbox: &Sandbox, job: &Planned, environment: &[(&str, &str)], pause: Duration) -> anyhow::Result<Rung> {
    let arguments = job.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (mut heard, mut first) = (0, None);
    for _ in 0..MOST_TRIES {
        let triggered = sandbox.trigger_in(environment, &arguments).await?;
        // 5: not published, after retries. What was published all the same is the same job.
        if triggered.code != Some(5) {
            let key = triggered.job()?;
            first.get_or_insert(Rung { key, at: Timestamp::now() });
            heard += 1;
        }
        tokio::time::sleep(pause).await;
        if heard == job.copies {
            break;
        }
    }
    first.with_context(|| format!("{} could not be published in {MOST_TRIES} tries", job.id))
}
