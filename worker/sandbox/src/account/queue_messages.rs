//! Access to the queues' messages for tests.
use std::time::Duration;

use serde_json::{Value, json};

use super::SandboxAccount;
use crate::aws::AwsError;

/// A received message: invisible to others until it is deleted or its visibility timeout expires.
#[derive(Debug, Clone)]
pub struct QueueMessage {
    /// SQS's message id.
    pub id: String,
    /// The body as sent: in the trigger queue, SNS's envelope.
    pub body: String,
    /// The message group, by which a queue is fair to its tenants.
    pub group: Option<String>,
    receipt: String,
}

/// Seconds for which [`SandboxAccount::peek`] hides messages while it counts them; it makes each visible before it
/// returns.
const PEEK_VISIBILITY: u32 = 60;

impl SandboxAccount {
    /// Sends a message as root, bypassing SNS: as a manual redrive or a faulty producer might.
    pub async fn send_to_queue(&self, url: &str, body: &str) -> Result<(), AwsError> {
        let message = json!({ "QueueUrl": url, "MessageBody": body });
        self.root.json("sqs", "AmazonSQS.SendMessage", message).await.map(drop)
    }

    /// Receives at most ten messages; waits at most `wait_seconds` (0 to 20) for the first.
    pub async fn receive(&self, url: &str, wait_seconds: u32) -> Result<Vec<QueueMessage>, AwsError> {
        self.receive_hidden(url, wait_seconds, None).await
    }

    /// Deletes a received message.
    pub async fn delete(&self, url: &str, message: &QueueMessage) -> Result<(), AwsError> {
        let body = json!({ "QueueUrl": url, "ReceiptHandle": message.receipt });
        self.root.json("sqs", "AmazonSQS.DeleteMessage", body).await.map(drop)
    }

    /// The bodies of all visible messages, which stay in the queue. Counts as a receive of each.
    pub async fn peek(&self, url: &str) -> Result<Vec<String>, AwsError> {
        let mut seen = Vec::new();
        loop {
            let some = self.receive_hidden(url, 0, Some(PEEK_VISIBILITY)).await?;
            if some.is_empty() {
                break;
            }
            seen.extend(some);
        }
        for message in &seen {
            let visible = json!({ "QueueUrl": url, "ReceiptHandle": message.receipt, "VisibilityTimeout": 0 });
            self.root.json("sqs", "AmazonSQS.ChangeMessageVisibility", visible).await?;
        }
        Ok(seen.into_iter().map(|message| message.body).collect())
    }

    /// How many messages a queue holds, invisible ones included.
    pub async fn message_count(&self, url: &str) -> Result<usize, AwsError> {
        let names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"];
        let body = json!({ "QueueUrl": url, "AttributeNames": names });
        let response = self.root.json("sqs", "AmazonSQS.GetQueueAttributes", body).await?;
        let count =
            |name: &str| response["Attributes"][name].as_str().and_then(|count| count.parse().ok()).unwrap_or(0);
        Ok(names.into_iter().map(count).sum())
    }

    /// Sets the visibility timeout of the work queues, in whole seconds.
    pub async fn set_visibility_timeout(&self, time: Duration) -> Result<(), AwsError> {
        for url in [self.trigger_queue_url(), self.event_queue_url()] {
            let body = json!({ "QueueUrl": url, "Attributes": { "VisibilityTimeout": time.as_secs().to_string() } });
            self.root.json("sqs", "AmazonSQS.SetQueueAttributes", body).await?;
        }
        Ok(())
    }

    /// Moves the messages of the worker's dead-letter queue back into the trigger queue, as an operator would. Returns
    /// their number.
    pub async fn redrive(&self) -> Result<u64, AwsError> {
        let mut moved = 0;
        loop {
            let some = self.receive_hidden(&self.dead_letter_queue_url(), 0, Some(PEEK_VISIBILITY)).await?;
            if some.is_empty() {
                return Ok(moved);
            }
            for message in some {
                self.send_to_queue(&self.trigger_queue_url(), &message.body).await?;
                self.delete(&self.dead_letter_queue_url(), &message).await?;
                moved += 1;
            }
        }
    }

    /// The messages that workers and SQS have put into the worker's dead-letter queue.
    pub async fn dead_letters(&self) -> Result<Vec<String>, AwsError> {
        self.peek(&self.dead_letter_queue_url()).await
    }

    async fn receive_hidden(&self, url: &str, wait: u32, hidden: Option<u32>) -> Result<Vec<QueueMessage>, AwsError> {
        let mut body = json!({ "QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": wait });
        body["MessageSystemAttributeNames"] = json!(["MessageGroupId"]);
        if let Some(seconds) = hidden {
            body["VisibilityTimeout"] = seconds.into();
        }
        let response = self.root.json("sqs", "AmazonSQS.ReceiveMessage", body).await?;
        Ok(response["Messages"].as_array().into_iter().flatten().map(QueueMessage::from_json).collect())
    }
}

impl QueueMessage {
    fn from_json(message: &Value) -> QueueMessage {
        let field = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let group = message["Attributes"]["MessageGroupId"].as_str().map(str::to_owned);
        QueueMessage { id: field("MessageId"), body: field("Body"), group, receipt: field("ReceiptHandle") }
    }
}
