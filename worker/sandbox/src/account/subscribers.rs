//! Subscribers of the done events, as an owner of another program makes them: SQS queues with filter policies.
use serde_json::{Value, json};

use super::create::SNS_VERSION;
use super::definition::{arn, done_topic_arn};
use super::{QueueMessage, SandboxAccount};
use crate::aws::AwsError;

/// A queue that receives done events.
#[derive(Debug, Clone)]
pub struct DoneSubscriber {
    url: String,
}

impl SandboxAccount {
    /// Makes a queue and subscribes it to the done events that the filter policy admits, with raw delivery.
    ///
    /// # Errors
    /// The account has no topic of done events, or rejects queue or policy.
    pub async fn subscribe_to_done_events(&self, name: &str, filter: &Value) -> Result<DoneSubscriber, AwsError> {
        let queue = arn("sqs", name);
        let admit_topic = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": { "ArnEquals": { "aws:SourceArn": done_topic_arn() } },
        }]});
        let body = json!({ "QueueName": name, "Attributes": { "Policy": admit_topic.to_string() } });
        let response = self.root.json("sqs", "AmazonSQS.CreateQueue", body).await?;
        let (topic, filter) = (done_topic_arn(), filter.to_string());
        let params = [
            ("TopicArn", topic.as_str()),
            ("Protocol", "sqs"),
            ("Endpoint", queue.as_str()),
            ("Attributes.entry.1.key", "RawMessageDelivery"),
            ("Attributes.entry.1.value", "true"),
            ("Attributes.entry.2.key", "FilterPolicy"),
            ("Attributes.entry.2.value", filter.as_str()),
        ];
        self.root.query("sns", SNS_VERSION, "Subscribe", &params).await?;
        Ok(DoneSubscriber { url: response["QueueUrl"].as_str().unwrap_or_default().to_owned() })
    }

    /// Takes the events out of a subscriber's queue, in the bytes in which they arrived.
    ///
    /// # Errors
    /// SQS does not answer.
    pub async fn take_done_events(&self, subscriber: &DoneSubscriber) -> Result<Vec<QueueMessage>, AwsError> {
        let mut taken = Vec::new();
        loop {
            let some = self.receive(&subscriber.url, 0).await?;
            if some.is_empty() {
                return Ok(taken);
            }
            for message in some {
                self.delete(&subscriber.url, &message).await?;
                taken.push(message);
            }
        }
    }
}
