//! Scenario `flood`: a queue full of the largest messages that it accepts.
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::json;
use tokio::time::Instant;

use super::ChaosArguments;
use super::result::{ScenarioResult, round_to_tenth};
use crate::account::definition::DEAD_LETTER_QUEUE;
use crate::process_stats::ProcessStats;
use crate::sandbox::{Sandbox, SandboxOptions};

/// Messages without `--jobs`.
const DEFAULT_MESSAGES: u64 = 1000;

/// The queue's own limit, in bytes.
const MAX_MESSAGE_BYTES: usize = 256 * 1024;

/// The worker's peak memory must be below this.
const MAX_MEGABYTES: f64 = 64.0;

/// Concurrent sends.
const MAX_CONCURRENT_SENDS: usize = 4;

pub(super) async fn run(options: SandboxOptions, arguments: &ChaosArguments) -> anyhow::Result<ScenarioResult> {
    let messages = usize::try_from(arguments.jobs.unwrap_or(DEFAULT_MESSAGES))?;
    let sandbox = Sandbox::start(options).await?;
    enqueue_messages(&sandbox, messages).await?;
    let worker = sandbox.start_worker(&[]).await?;
    let pid = worker.pid().unwrap_or_default();
    let (triggers, dead_letter_queue) =
        (sandbox.account.trigger_queue_url(), sandbox.account.queue_url(DEAD_LETTER_QUEUE));
    let started = Instant::now();
    let mut remaining = messages;
    while remaining > 0 && started.elapsed() < arguments.limit {
        tokio::time::sleep(Duration::from_millis(500)).await;
        remaining = sandbox.account.message_count(&triggers).await?;
    }
    let peak = ProcessStats::read(pid)?.peak_megabytes();
    let dead_letters = sandbox.account.message_count(&dead_letter_queue).await?;
    let mut result = ScenarioResult::default();
    result.require(remaining == 0, || format!("{remaining} messages were not handled"));
    result.require(dead_letters >= messages, || {
        format!("{dead_letters} of {messages} messages are in the dead-letter queue")
    });
    result.require(peak < MAX_MEGABYTES, || {
        format!("the worker's peak memory was {peak:.1} MB, not below {MAX_MEGABYTES} MB")
    });
    result.figures = json!({
        "scenario": "flood",
        "messages": messages,
        "dead_letters": dead_letters,
        "seconds": round_to_tenth(started.elapsed().as_secs_f64()),
        "peak_memory": round_to_tenth(peak),
    });
    Ok(result)
}

/// Half of the messages are no JSON, half are envelopes of a request that is too large; the worker must read both to
/// reject them.
async fn enqueue_messages(sandbox: &Sandbox, messages: usize) -> anyhow::Result<()> {
    let invalid_body = "x".repeat(MAX_MESSAGE_BYTES);
    let envelope = |padding: usize| {
        let request = json!({ "project": "demo", "branch": "main", "cause": "y".repeat(padding) });
        json!({
            "Type": "Notification",
            "MessageId": "flood",
            "TopicArn": sandbox.account.topic_arn(),
            "Message": request.to_string(),
            "Timestamp": crate::now_in_iso_8601(),
        })
        .to_string()
    };
    let oversized_body = envelope(MAX_MESSAGE_BYTES - envelope(0).len());
    let url = sandbox.account.trigger_queue_url();
    let sends = (0..messages).map(|number| {
        let (body, url) = (if number % 2 == 0 { &invalid_body } else { &oversized_body }, &url);
        async move { sandbox.account.send_to_queue(url, body).await }
    });
    stream::iter(sends).buffer_unordered(MAX_CONCURRENT_SENDS).try_collect::<()>().await?;
    Ok(())
}
