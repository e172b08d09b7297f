use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use doorbell_adapters::aws::aws_error;

use crate::dead_letters::message::DeadLetterMessage;
use crate::dead_letters::queue::{DeadLetterQueueRef, attribute};
use crate::error::CliError;

/// Visibility timeout of received messages: longer than a page takes, and short enough to wait for after a crash.
pub(super) const SCAN_VISIBILITY_TIMEOUT: Duration = Duration::from_secs(20);

/// Maximum entries of a batch call, and maximum messages of a receive.
const MAX_BATCH_ENTRIES: usize = 10;

/// Receives in a row without a new message that end a scan.
///
/// In a very long queue the first messages become visible again before the last ones were received.
const MAX_STALE_RECEIVES: u32 = 5;

/// A scan of a queue. Its messages are in flight until the scan releases them or [`SCAN_VISIBILITY_TIMEOUT`] is over.
#[derive(Debug)]
pub(super) struct QueueScan<'a> {
    sqs: &'a aws_sdk_sqs::Client,
    queue: &'a DeadLetterQueueRef,
    /// Receipt handles by message id; none once the message is deleted.
    receipts: HashMap<String, Option<String>>,
}

impl<'a> QueueScan<'a> {
    pub(super) fn start(sqs: &'a aws_sdk_sqs::Client, queue: &'a DeadLetterQueueRef) -> Self {
        Self { sqs, queue, receipts: HashMap::new() }
    }

    /// Receives messages that are new to this scan; none at the queue's end.
    ///
    /// A long poll asks all of SQS's servers, so an empty one is the end.
    ///
    /// # Errors
    /// ReceiveMessage failed. Messages in flight become visible again by themselves.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<DeadLetterMessage>>, CliError> {
        for _ in 0..MAX_STALE_RECEIVES {
            let messages = self.receive().await?;
            if messages.is_empty() {
                return Ok(None);
            }
            let new_messages: Vec<DeadLetterMessage> =
                messages.iter().filter_map(|message| self.track(message)).collect();
            if !new_messages.is_empty() {
                return Ok(Some(new_messages));
            }
        }
        Ok(None)
    }

    /// The message, unless this scan has it already. Keeps its newest receipt handle.
    fn track(&mut self, received: &Message) -> Option<DeadLetterMessage> {
        let message = DeadLetterMessage::read(self.queue.kind, received);
        let receipt = received.receipt_handle().map(str::to_owned);
        self.receipts.insert(message.id.clone(), receipt).is_none().then_some(message)
    }

    async fn receive(&self) -> Result<Vec<Message>, CliError> {
        let call =
            self.sqs.receive_message().queue_url(&self.queue.url).max_number_of_messages(MAX_BATCH_ENTRIES as i32);
        let call = call.wait_time_seconds(1).visibility_timeout(SCAN_VISIBILITY_TIMEOUT.as_secs() as i32);
        let call = call.message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
        let answer = call.message_attribute_names("All").send().await;
        let answer = answer.map_err(|error| aws_error(&format!("ReceiveMessage {}", self.queue.url), error))?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// Sends a message to its source queue, and keeps it here.
    ///
    /// # Errors
    /// SendMessage failed, or its outcome is unknown.
    pub(super) async fn send_back(&self, message: &DeadLetterMessage) -> Result<(), CliError> {
        let call = self.sqs.send_message().queue_url(&self.queue.source_url).message_body(&message.body);
        let call = call.set_message_group_id(message.project().map(String::from));
        call.send().await.map_err(|error| aws_error(&format!("SendMessage {}", self.queue.source_url), error))?;
        Ok(())
    }

    /// Deletes a message that this scan received.
    ///
    /// # Errors
    /// DeleteMessage failed, or its outcome is unknown.
    pub(super) async fn delete(&mut self, message: &DeadLetterMessage) -> Result<(), CliError> {
        let Some(receipt) = self.receipts.get_mut(&message.id).and_then(Option::take) else { return Ok(()) };
        let call = self.sqs.delete_message().queue_url(&self.queue.url).receipt_handle(receipt);
        call.send().await.map_err(|error| aws_error(&format!("DeleteMessage {}", self.queue.url), error))?;
        Ok(())
    }

    /// Makes the received messages visible again at once.
    ///
    /// # Errors
    /// The SQS call failed.
    pub(super) async fn release(self) -> Result<(), CliError> {
        let receipts: Vec<String> = self.receipts.into_values().flatten().collect();
        for chunk in receipts.chunks(MAX_BATCH_ENTRIES) {
            let entries = chunk.iter().enumerate().filter_map(|(at, receipt)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(at.to_string());
                entry.receipt_handle(receipt).visibility_timeout(0).build().ok()
            });
            let call = self.sqs.change_message_visibility_batch().queue_url(&self.queue.url);
            let call = call.set_entries(Some(entries.collect()));
            call.send().await.map_err(|error| aws_error("ChangeMessageVisibilityBatch", error))?;
        }
        Ok(())
    }
}

/// Approximate number of messages in flight: received by another `doorbell`, or by one that was killed.
///
/// # Errors
/// An SQS call failed.
pub(super) async fn count_in_flight(
    sqs: &aws_sdk_sqs::Client,
    queues: &[DeadLetterQueueRef],
) -> Result<usize, CliError> {
    let mut in_flight = 0;
    for queue in queues {
        let name = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let count = attribute(sqs, &queue.url, name).await?;
        in_flight += count.and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
    }
    Ok(in_flight)
}
