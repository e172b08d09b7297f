use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorbell_messages::DeadLetter;
use serde_json::json;

use super::{NOW, REQUEST, message_id};
use crate::ports::{Delivery, MessageQueue, PortError, ReceiptHandle};

pub(crate) const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:doorbell";

/// A message whose id is also its receipt and its body.
pub(crate) fn delivery(id: &str, receive_count: u32) -> Delivery {
    Delivery { body: id.to_owned(), message_id: id.to_owned(), receive_count, receipt: ReceiptHandle(id.to_owned()) }
}

/// The request of the row with this number.
pub(crate) fn request_delivery(number: u32) -> Delivery {
    let body = json!({
        "Type": "Notification", "MessageId": message_id(number), "TopicArn": TOPIC, "Message": REQUEST,
        "Timestamp": NOW.to_string(),
    });
    Delivery { body: body.to_string(), ..delivery(&number.to_string(), 1) }
}

/// An event that says that a build has ended.
pub(crate) fn build_event(build: &str) -> Delivery {
    let body = json!({
        "source": "aws.codebuild",
        "detail-type": "CodeBuild Build State Change",
        "detail": {
            "build-id": format!("arn:aws:codebuild:eu-west-1:123456789012:build/{build}"),
            "build-status": "SUCCEEDED",
        },
    });
    Delivery { body: body.to_string(), ..delivery(build, 1) }
}

/// A queue that delivers each batch once and notes what is deleted.
#[derive(Debug, Clone, Default)]
pub(crate) struct QueueStub(Arc<Mutex<QueueContent>>);

#[derive(Debug, Default)]
struct QueueContent {
    batches: Vec<Vec<Delivery>>,
    acked: Vec<String>,
    ack_calls: Vec<usize>,
    dead_letters: Vec<DeadLetter>,
    delays_dead_letters: bool,
}

impl QueueStub {
    pub(crate) fn send(&self, batch: impl IntoIterator<Item = Delivery>) {
        self.0.lock().unwrap().batches.push(batch.into_iter().collect());
    }

    /// The dead-letter queue answers after a minute.
    pub(crate) fn delay_dead_letters(&self) {
        self.0.lock().unwrap().delays_dead_letters = true;
    }

    pub(crate) fn acked(&self) -> Vec<String> {
        self.0.lock().unwrap().acked.clone()
    }

    /// How many messages each call deleted.
    pub(crate) fn ack_calls(&self) -> Vec<usize> {
        self.0.lock().unwrap().ack_calls.clone()
    }

    pub(crate) fn dead_letters(&self) -> Vec<DeadLetter> {
        self.0.lock().unwrap().dead_letters.clone()
    }
}

impl MessageQueue for QueueStub {
    async fn receive(&self, wait: Duration) -> Result<Vec<Delivery>, PortError> {
        let batch = self.0.lock().unwrap().batches.pop();
        match batch {
            Some(batch) => Ok(batch),
            None => {
                tokio::time::sleep(wait).await;
                Ok(Vec::new())
            }
        }
    }

    async fn ack(&self, receipts: Vec<ReceiptHandle>) -> Result<(), PortError> {
        let mut content = self.0.lock().unwrap();
        content.ack_calls.push(receipts.len());
        content.acked.extend(receipts.into_iter().map(|receipt| receipt.0));
        Ok(())
    }

    async fn dead_letter(&self, dead_letter: DeadLetter) -> Result<(), PortError> {
        let is_delayed = self.0.lock().unwrap().delays_dead_letters;
        if is_delayed {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        self.0.lock().unwrap().dead_letters.push(dead_letter);
        Ok(())
    }
}
