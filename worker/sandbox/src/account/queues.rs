//! The queues: who may send to each, how often a message is received, and its dead-letter queue.
use serde_json::{Value, json};

use super::definition::{
    AccountDefinition, DEAD_LETTER_QUEUE, EVENT_DEAD_LETTER_QUEUE, EVENT_QUEUE, SUBSCRIPTION_DEAD_LETTER_QUEUE,
    TRIGGER_QUEUE, arn, rule_arns, topic_arn,
};

/// How often a message is received before SQS moves it to the dead-letter queue.
///
/// A worker deletes a message when its row is durable, or sends it to the dead-letter queue itself, with a reason. So
/// only a crash, or an unavailable ledger, makes a message return. With the visibility timeout this covers ten minutes
/// of either.
const MAX_RECEIVE_COUNT: u32 = 30;
/// The visibility timeout, in seconds.
///
/// A worker parses, inserts and deletes; it holds no message for longer than a few seconds. The messages of a crashed
/// worker return after this time.
const VISIBILITY_TIMEOUT_SECONDS: u32 = 20;
/// 4 days, in seconds. A request older than 72 h is rejected anyway.
const RETENTION_SECONDS: u32 = 4 * 24 * 3600;
/// 14 days, in seconds: SQS's maximum.
///
/// A message keeps its time of sending when it is moved, so this must exceed [`RETENTION_SECONDS`].
const DEAD_LETTER_RETENTION_SECONDS: u32 = 14 * 24 * 3600;
/// In bytes. The queue must accept what SNS and EventBridge can send; SNS and EventBridge drop larger messages without
/// a reason.
const MAX_MESSAGE_BYTES: u32 = 256 * 1024;

/// A queue as SQS is to create it.
#[derive(Debug, Clone)]
pub struct QueueDefinition {
    /// One of the queue names in [`super::definition`].
    pub name: &'static str,
    /// CreateQueue's attributes, policy included. Every value is a string; structured ones are JSON in a string.
    pub attributes: Value,
}

/// A service that may send, on behalf of these resources only. Otherwise only the account's own roles may.
struct AllowedSender {
    service: &'static str,
    sources: Vec<String>,
}

impl AccountDefinition {
    /// All queues in the order of creation: a dead-letter queue precedes the queue that names it.
    pub fn queues(&self) -> Vec<QueueDefinition> {
        let topic = || AllowedSender { service: "sns.amazonaws.com", sources: vec![topic_arn()] };
        let rules = || AllowedSender { service: "events.amazonaws.com", sources: rule_arns().into() };
        vec![
            dead_letter_queue(DEAD_LETTER_QUEUE, Some(TRIGGER_QUEUE), None),
            dead_letter_queue(EVENT_DEAD_LETTER_QUEUE, Some(EVENT_QUEUE), Some(rules())),
            dead_letter_queue(SUBSCRIPTION_DEAD_LETTER_QUEUE, None, Some(topic())),
            work_queue(TRIGGER_QUEUE, DEAD_LETTER_QUEUE, topic()),
            work_queue(EVENT_QUEUE, EVENT_DEAD_LETTER_QUEUE, rules()),
        ]
    }
}

fn work_queue(name: &'static str, dead_letters: &str, sender: AllowedSender) -> QueueDefinition {
    let redrive = json!({ "deadLetterTargetArn": arn("sqs", dead_letters), "maxReceiveCount": MAX_RECEIVE_COUNT });
    let mut attributes = common_attributes(name, RETENTION_SECONDS, Some(sender));
    attributes["VisibilityTimeout"] = VISIBILITY_TIMEOUT_SECONDS.to_string().into();
    attributes["RedrivePolicy"] = redrive.to_string().into();
    attributes["RedriveAllowPolicy"] = redrive_allow_policy(None);
    QueueDefinition { name, attributes }
}

fn dead_letter_queue(name: &'static str, of: Option<&str>, sender: Option<AllowedSender>) -> QueueDefinition {
    let mut attributes = common_attributes(name, DEAD_LETTER_RETENTION_SECONDS, sender);
    attributes["RedriveAllowPolicy"] = redrive_allow_policy(of);
    QueueDefinition { name, attributes }
}

fn common_attributes(name: &str, retention: u32, sender: Option<AllowedSender>) -> Value {
    json!({
        "MessageRetentionPeriod": retention.to_string(),
        "MaximumMessageSize": MAX_MESSAGE_BYTES.to_string(),
        "ReceiveMessageWaitTimeSeconds": "20",
        "SqsManagedSseEnabled": "true",
        "Policy": queue_policy(name, sender).to_string(),
    })
}

/// Names the queue that may use this one as its dead-letter queue.
fn redrive_allow_policy(queue: Option<&str>) -> Value {
    let policy = match queue {
        Some(queue) => json!({ "redrivePermission": "byQueue", "sourceQueueArns": [arn("sqs", queue)] }),
        None => json!({ "redrivePermission": "denyAll" }),
    };
    policy.to_string().into()
}

fn queue_policy(name: &str, sender: Option<AllowedSender>) -> Value {
    let queue = arn("sqs", name);
    let allow = sender.map(|sender| {
        json!({
            "Sid": "SendFromSource",
            "Effect": "Allow",
            "Principal": { "Service": sender.service },
            "Action": "sqs:SendMessage",
            "Resource": queue,
            // Prevents the confused deputy: the service also works for other accounts. The ARNs contain this one.
            "Condition": { "ArnEquals": { "aws:SourceArn": sender.sources } },
        })
    });
    let deny = super::policies::deny_plain_http("sqs:*", &queue);
    json!({ "Version": "2012-10-17", "Statement": allow.into_iter().chain([deny]).collect::<Vec<_>>() })
}
