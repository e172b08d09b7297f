use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, MessageSystemAttributeName};
use doorbell_engine::domain::one_line;
use doorbell_engine::ports::{Delivery, MessageQueue, PortError, ReceiptHandle};
use doorbell_messages::DeadLetter;
use tracing::debug;

use crate::aws::clock::AwsClock;
use crate::aws::connection::port_error;
use crate::aws::foreign_words;

/// An SQS queue, and the dead-letter queue that its bad messages go to.
#[derive(Debug)]
pub struct SqsQueue {
    client: Client,
    url: String,
    dead_letter_queue_url: String,
}

/// A long poll waits up to 20 s by itself.
const RECEIVE_TIMEOUT: Duration = Duration::from_secs(30);

/// The most entries of a batch call.
const MAX_BATCH_ENTRIES: usize = 10;

impl SqsQueue {
    pub fn new(sdk: &SdkConfig, clock: &AwsClock, url: String, dead_letter_queue_url: String) -> Self {
        let config = aws_sdk_sqs::config::Builder::from(sdk).interceptor(clock.clone()).build();
        Self { client: Client::from_conf(config), url, dead_letter_queue_url }
    }
}

impl MessageQueue for SqsQueue {
    async fn receive(&self, wait: Duration) -> Result<Vec<Delivery>, PortError> {
        let receive_timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(RECEIVE_TIMEOUT)
            .operation_timeout(RECEIVE_TIMEOUT * 2)
            .build();
        let answer = self
            .client
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(10)
            .wait_time_seconds(i32::try_from(wait.as_secs()).unwrap_or(20))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount)
            .customize()
            .config_override(aws_sdk_sqs::Config::builder().timeout_config(receive_timeouts))
            .send()
            .await
            .map_err(|error| port_error("ReceiveMessage", error))?;
        Ok(answer.messages.unwrap_or_default().into_iter().filter_map(delivery).collect())
    }

    async fn ack(&self, receipts: Vec<ReceiptHandle>) -> Result<(), PortError> {
        for chunk in receipts.chunks(MAX_BATCH_ENTRIES) {
            let mut call = self.client.delete_message_batch().queue_url(&self.url);
            for (index, receipt) in chunk.iter().enumerate() {
                let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(&receipt.0);
                call = call.entries(entry.build().map_err(|error| PortError(error.to_string()))?);
            }
            let answer = call.send().await.map_err(|error| port_error("DeleteMessageBatch", error))?;
            for entry in answer.failed() {
                // It comes back and meets its row.
                let problem = format!("{} {}", entry.code(), entry.message().unwrap_or_default());
                debug!("a message was not deleted: {}", one_line(&foreign_words(&problem)));
            }
        }
        Ok(())
    }

    async fn dead_letter(&self, dead_letter: DeadLetter) -> Result<(), PortError> {
        let call =
            self.client.send_message().queue_url(&self.dead_letter_queue_url).message_body(dead_letter.to_json());
        call.send().await.map_err(|error| port_error("SendMessage to the dead-letter queue", error))?;
        Ok(())
    }
}

fn delivery(message: aws_sdk_sqs::types::Message) -> Option<Delivery> {
    let count =
        message.attributes.as_ref().and_then(|all| all.get(&MessageSystemAttributeName::ApproximateReceiveCount));
    Some(Delivery {
        receive_count: count.and_then(|count| count.parse().ok()).unwrap_or(1),
        // Without a receipt it can't be deleted: it comes back.
        receipt: ReceiptHandle(message.receipt_handle?),
        body: message.body.unwrap_or_default(),
        message_id: message.message_id.unwrap_or_default(),
    })
}
