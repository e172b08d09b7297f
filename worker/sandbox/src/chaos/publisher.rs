//! A simulated CI that publishes each job, and retries until a request is published.
use std::time::Duration;

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::plan::JobPlan;
use crate::sandbox::Sandbox;

/// Concurrent `trigger_job` processes.
pub(super) const MAX_CONCURRENT_PUBLISHERS: usize = 8;

/// Tries per job; a CI's step is run again by a person, here at once.
const MAX_TRIES: u32 = 20;

/// A published request.
#[derive(Debug, Clone)]
pub(super) struct PublishedJob {
    /// The job's key, as `trigger_job` prints it.
    pub(super) key: String,
    /// When the first successful `trigger_job` exited.
    pub(super) at: Timestamp,
}

/// Publishes each job as often as planned, by `trigger_job`; returns them in the same order.
///
/// Each of [`MAX_CONCURRENT_PUBLISHERS`] pauses for `pause` after each publication.
pub(super) async fn publish(
    sandbox: &Sandbox,
    jobs: &[JobPlan],
    environment: &[(&str, String)],
    pause: Duration,
) -> anyhow::Result<Vec<PublishedJob>> {
    let environment: Vec<(&str, &str)> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let publications = jobs.iter().map(|job| publish_one(sandbox, job, &environment, pause));
    stream::iter(publications).buffered(MAX_CONCURRENT_PUBLISHERS).try_collect().await
}

async fn publish_one(
    sandbox: &Sandbox,
    job: &JobPlan,
    environment: &[(&str, &str)],
    pause: Duration,
) -> anyhow::Result<PublishedJob> {
    let arguments = job.arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (mut publish_count, mut first) = (0, None);
    for _ in 0..MAX_TRIES {
        let output = sandbox.trigger_in(environment, &arguments).await?;
        // 5: not published, after retries. If a request was published nevertheless, it is the same job.
        if output.code != Some(5) {
            let key = output.job_key()?;
            first.get_or_insert(PublishedJob { key, at: Timestamp::now() });
            publish_count += 1;
        }
        tokio::time::sleep(pause).await;
        if publish_count == job.publish_count {
            break;
        }
    }
    first.with_context(|| format!("{} could not be published in {MAX_TRIES} tries", job.id))
}
