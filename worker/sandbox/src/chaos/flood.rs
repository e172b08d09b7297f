//! A queue full of the largest messages that it takes.
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tokio::time::Instant;

use super::ChaosArguments;
use super::output::{Finding, rounded};
use crate::footprint::Footprint;
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::world::account::DEAD_LETTERS;

/// Messages, unless another number is asked for.
const MESSAGES: u64 = 1000;

/// Bytes: the queue's own limit.
const LARGEST: usize = 256 * 1024;

/// What a worker may weigh.
const MOST_MEGABYTES: f64 = 64.0;

/// Sends at once.
const SENDERS: usize = 4;

pub(super) async fn run(options: SandboxOptions, arguments: &ChaosArguments) -> anyhow::Result<Finding> {
    let messages = usize::try_from(arguments.jobs.unwrap_or(MESSAGES))?;
    let sandbox = Sandbox::start(options).await?;
    fill(&sandbox, messages).await?;
    let worker = sandbox.worker(&[]).await?;
    let pid = worker.pid().unwrap_or_default();
    let (triggers, dead) = (sandbox.world.trigger_queue_url(), sandbox.world.queue_url(DEAD_LETTERS));
    let started = Instant::now();
    let mut left = messages;
    while left > 0 && started.elapsed() < arguments.limit {
        tokio::time::sleep(Duration::from_millis(500)).await;
        left = sandbox.world.count(&triggers).await?;
    }
    let peak = Footprint::of(pid)?.peak_megabytes();
    let dead = sandbox.world.count(&dead).await?;
    let mut finding = Finding::default();
    finding.must(left == 0, || format!("{left} messages were not worked on"));
    finding.must(dead >= messages, || format!("{dead} of {messages} messages are in the dead-letter queue"));
    finding.must(peak < MOST_MEGABYTES, || format!("the worker weighed {peak:.1} MB"));
    finding.figures = json!({
        "scenario": "flood",
        "messages": messages,
        "dead_letters": dead,
        "seconds": rounded(started.elapsed().as_secs_f64()),
        "peak_memory": rounded(peak),
    });
    Ok(finding)
}

/// Half of them are nothing, half are envelopes of a request that is too large: both have to be read to be refused.
async fn fill(sandbox: &Sandbox, messages: usize) -> anyhow::Result<()> {
    let nothing = "x".repeat(LARGEST);
    let envelope = |padding: usize| {
        let request = json!({ "project": "demo", "branch": "main", "cause": "y".repeat(padding) });
        json!({
            "Type": "Notification",
            "MessageId": "flood",
            "TopicArn": sandbox.world.topic_arn(),
            "Message": request.to_string(),
            "Timestamp": crate::now_in_iso_8601(),
        })
        .to_string()
    };
    let large = envelope(LARGEST - envelope(0).len());
    let url = sandbox.world.trigger_queue_url();
    let sends = (0..messages).map(|number| {
        let (body, url) = (if number % 2 == 0 { &nothing } else { &large }, &url);
        async move { sandbox.world.send_to_queue(url, body).await }
    });
    stream::iter(sends).buffer_unordered(SENDERS).try_collect::<()>().await?;
    Ok(())
}
