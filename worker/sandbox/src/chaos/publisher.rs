//! A CI that rings the bell, and rings again until it was heard.
use std::time::Duration;

use anyhow::Context;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;

use super::plan::JobPlan;
use crate::sandbox::Sandbox;

/// `trigger_job` processes at once.
pub(super) const MAX_CONCURRENT_PUBLISHERS: usize = 8;

/// A CI's step is run again by people; here at once.
const MAX_TRIES: u32 = 20;

/// A request that was heard.
#[derive(Debug, Clone)]
pub(super) struct PublishedJob {
    /// The job's key, as `trigger_job` says it.
    pub(super) key: String,
    /// When the first `trigger_job` that was heard had ended.
    pub(super) at: Timestamp,
}

/// Publishes each job as often as its plan says, by `trigger_job`, and answers in the same order. Each of [`MAX_CONCURRENT_PUBLISHERS`]
/// waits for `pause` after each time.
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
        // 5: not published, after retries. What was published all the same is the same job.
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
