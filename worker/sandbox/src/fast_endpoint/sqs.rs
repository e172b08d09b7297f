//! SQS's calls.
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};

use super::api_error::{ApiError, ApiResult};
use super::queue::{FastQueue, QueuedMessage};
use super::state::SharedState;

/// The most messages of one call.
const MAX_BATCH: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ReceiveInput {
    queue_url: String,
    #[serde(default = "one")]
    max_number_of_messages: usize,
    visibility_timeout: Option<u64>,
    #[serde(default)]
    wait_time_seconds: u64,
}

fn one() -> usize {
    1
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MessageInput {
    queue_url: String,
    #[serde(flatten)]
    entry: BatchEntry,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchInput {
    queue_url: String,
    entries: Vec<BatchEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BatchEntry {
    /// Only in a batch.
    #[serde(default)]
    id: String,
    #[serde(default)]
    receipt_handle: String,
    #[serde(default)]
    message_body: String,
    #[serde(default)]
    visibility_timeout: u64,
}

/// Executes a call.
pub(super) async fn call(state: &SharedState, operation: &str, body: &[u8]) -> ApiResult {
    match operation {
        "ReceiveMessage" => receive(state, serde_json::from_slice(body)?).await,
        "SendMessage" | "DeleteMessage" | "ChangeMessageVisibility" => {
            let input: MessageInput = serde_json::from_slice(body)?;
            with_queue(state, &input.queue_url, |queue| one_entry(queue, operation, input.entry))?
        }
        "SendMessageBatch" | "DeleteMessageBatch" | "ChangeMessageVisibilityBatch" => {
            let input: BatchInput = serde_json::from_slice(body)?;
            let single = operation.trim_end_matches("Batch");
            with_queue(state, &input.queue_url, |queue| batch(queue, single, input.entries))?
        }
        "GetQueueAttributes" => {
            let input: MessageInput = serde_json::from_slice(body)?;
            let count = with_queue(state, &input.queue_url, |queue| queue.len())?;
            Ok(json!({ "Attributes": { "ApproximateNumberOfMessages": count.to_string() } }))
        }
        other => Err(ApiError::unsupported(other)),
    }
}

/// A long poll: returns as soon as there is a message.
async fn receive(state: &SharedState, input: ReceiveInput) -> ApiResult {
    let deadline = Instant::now() + Duration::from_secs(input.wait_time_seconds.min(20));
    let visibility = input.visibility_timeout.map(Duration::from_secs).unwrap_or(state.settings().visibility_timeout);
    let max = input.max_number_of_messages.clamp(1, MAX_BATCH);
    loop {
        let (taken, arrivals, wake_at) = with_queue(state, &input.queue_url, |queue| {
            let taken = queue.take(max, visibility, Instant::now());
            // Created under the lock: an arrival after it is not missed.
            (taken, queue.arrivals().notified_owned(), queue.next_deadline())
        })?;
        if !taken.is_empty() {
            return Ok(json!({ "Messages": taken.iter().map(message_json).collect::<Vec<_>>() }));
        }
        if Instant::now() >= deadline {
            return Ok(json!({}));
        }
        tokio::select! {
            () = arrivals => {}
            () = sleep_until(wake_at.unwrap_or(deadline).min(deadline)) => {}
        }
    }
}

fn message_json(message: &QueuedMessage) -> Value {
    json!({
        "MessageId": message_id(message.number),
        "ReceiptHandle": message.receipt(),
        "MD5OfBody": *message.md5,
        "Body": *message.body,
        "Attributes": { "ApproximateReceiveCount": message.receive_count.to_string() },
    })
}

fn message_id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

fn one_entry(queue: &mut FastQueue, operation: &str, entry: BatchEntry) -> ApiResult {
    match operation {
        "SendMessage" => {
            let md5 = super::md5::hex_digest(entry.message_body.as_bytes());
            let number = queue.send(entry.message_body);
            Ok(json!({ "MessageId": message_id(number), "MD5OfMessageBody": md5 }))
        }
        "DeleteMessage" => {
            queue.delete(&entry.receipt_handle);
            Ok(json!({}))
        }
        _ => {
            let visibility = Duration::from_secs(entry.visibility_timeout);
            match queue.change_visibility(&entry.receipt_handle, visibility, Instant::now()) {
                true => Ok(json!({})),
                false => Err(ApiError::new("MessageNotInflight", "the message is not in flight")),
            }
        }
    }
}

fn batch(queue: &mut FastQueue, operation: &str, entries: Vec<BatchEntry>) -> ApiResult {
    if entries.is_empty() || entries.len() > MAX_BATCH {
        return Err(ApiError::new("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", "expected 1 to 10 entries"));
    }
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in entries {
        let id = entry.id.clone();
        match one_entry(queue, operation, entry) {
            Ok(mut answer) => {
                answer["Id"] = json!(id);
                successful.push(answer);
            }
            Err(error) => failed.push(json!({ "Id": id, "Code": error.code(), "SenderFault": true })),
        }
    }
    Ok(json!({ "Successful": successful, "Failed": failed }))
}

fn with_queue<T>(state: &SharedState, url: &str, use_queue: impl FnOnce(&mut FastQueue) -> T) -> Result<T, ApiError> {
    let name = url.rsplit('/').next().unwrap_or_default();
    state.change(|state| match state.queues.get_mut(name) {
        Some(queue) => Ok(use_queue(queue)),
        None => Err(ApiError::new("QueueDoesNotExist", format!("there is no queue {name}"))),
    })
}
