use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use doorbell_adapters::aws::aws_error;

use crate::dead_letters::message::DeadLetterMessage;
use crate::dead_letters::queue::{DeadLetterQueueRef, attribute};
use crate::error::CliError;

/// How long a message that was looked at is hidden, should whoever looks be killed. Longer than a page is worked on;
/// short enough to wait for.
pub(super) const SCAN_VISIBILITY_TIMEOUT: Duration = Duration::from_secs(20);

/// The most entries of a batch call, and the most messages of a receive.
const MAX_BATCH_ENTRIES: usize = 10;

/// Receives in a row that bring nothing new: in a queue so long that its first messages come back before its last ones
/// were seen, it ends the walk there.
const MAX_STALE_RECEIVES: u32 = 5;

/// A walk through a queue. What it holds, nobody else can receive until the walk ends or [`SCAN_VISIBILITY_TIMEOUT`] is over.
#[derive(Debug)]
pub(super) struct QueueScan<'a> {
    sqs: &'a aws_sdk_sqs::Client,
    queue: &'a DeadLetterQueueRef,
    /// Of each message, by its id, what lets go of it; none once it is deleted.
    receipts: HashMap<String, Option<String>>,
}

impl<'a> QueueScan<'a> {
    pub(super) fn start(sqs: &'a aws_sdk_sqs::Client, queue: &'a DeadLetterQueueRef) -> Self {
        Self { sqs, queue, receipts: HashMap::new() }
    }

    /// Letters that were not seen before; none at the queue's end, which is where a long poll, that asks all of SQS's
    /// servers, brings nothing.
    ///
    /// # Errors
    /// The queue can't be received from. What is held comes back by itself.
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

    /// The letter, unless it was seen before. Its newest receipt is the one that counts.
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

    /// Puts a letter into the queue that it came from. It stays here.
    ///
    /// # Errors
    /// SQS did not take it, or did not say so.
    pub(super) async fn send_back(&self, message: &DeadLetterMessage) -> Result<(), CliError> {
        let call = self.sqs.send_message().queue_url(&self.queue.source_url).message_body(&message.body);
        call.send().await.map_err(|error| aws_error(&format!("SendMessage {}", self.queue.source_url), error))?;
        Ok(())
    }

    /// Deletes a letter that was brought by this walk.
    ///
    /// # Errors
    /// SQS did not do it, or did not say so.
    pub(super) async fn delete(&mut self, message: &DeadLetterMessage) -> Result<(), CliError> {
        let Some(receipt) = self.receipts.get_mut(&message.id).and_then(Option::take) else { return Ok(()) };
        let call = self.sqs.delete_message().queue_url(&self.queue.url).receipt_handle(receipt);
        call.send().await.map_err(|error| aws_error(&format!("DeleteMessage {}", self.queue.url), error))?;
        Ok(())
    }

    /// Lets go of what is held, so that others can receive it at once.
    ///
    /// # Errors
    /// SQS refused.
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

/// How many messages of these queues nobody can receive now: in the hands of another `doorbell`, or of one that was
/// killed. SQS counts approximately.
///
/// # Errors
/// A queue can't be asked.
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
