use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use doorbell_engine::domain::Timestamp;
use doorbell_messages::{DeadLetter, Envelope, ProjectName, Request};

use crate::dead_letters::queue::DeadLetterQueue;

/// A message of a dead-letter queue, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DeadLetterMessage {
    pub(crate) queue: DeadLetterQueue,
    /// SQS's id.
    pub(crate) id: String,
    /// When it was sent to this queue, or first sent if SQS moved it.
    pub(crate) sent_at: Option<Timestamp>,
    pub(crate) reason: String,
    /// The original message.
    pub(crate) body: String,
    /// Whether `body` is only its beginning.
    pub(crate) is_truncated: bool,
}

impl DeadLetterMessage {
    pub(crate) fn read(queue: DeadLetterQueue, message: &Message) -> Self {
        let text = message.body().unwrap_or_default();
        let sent = message.attributes().and_then(|all| all.get(&MessageSystemAttributeName::SentTimestamp));
        let sent_at = sent.and_then(|millis| millis.parse().ok()).map(Timestamp::from_millis);
        let id = message.message_id().unwrap_or_default().to_owned();
        match serde_json::from_str::<DeadLetter>(text) {
            Ok(dead_letter) => Self {
                queue,
                id,
                sent_at,
                is_truncated: dead_letter.body_bytes > dead_letter.body.len(),
                reason: dead_letter.reason,
                body: dead_letter.body,
            },
            // Not from the worker: SQS, SNS or EventBridge moved it unchanged.
            Err(_) => Self {
                queue,
                id,
                sent_at,
                reason: redrive_reason(queue, message),
                body: text.to_owned(),
                is_truncated: false,
            },
        }
    }

    /// The project of a request, by which the trigger queue is fair to the projects; none for an event.
    pub(super) fn project(&self) -> Option<ProjectName> {
        let envelope = Envelope::parse(&self.body).ok()?;
        Request::parse(&envelope.message).ok().map(|request| request.project)
    }
}

/// The reason in the attributes of SNS and EventBridge; SQS gives none.
fn redrive_reason(queue: DeadLetterQueue, message: &Message) -> String {
    let attribute = |name: &str| {
        let value = message.message_attributes().and_then(|all| all.get(name));
        value.and_then(|value| value.string_value()).map(str::to_owned)
    };
    let reported = attribute("ERROR_MESSAGE").or_else(|| attribute("ErrorMessage")).or_else(|| attribute("ERROR_CODE"));
    match (reported, queue) {
        (Some(reported), _) => reported,
        (None, DeadLetterQueue::Subscription) => "SNS could not deliver it to the trigger queue".to_owned(),
        (None, _) => "received too often without being deleted: workers crashed, or the ledger was down".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(queue: DeadLetterQueue, body: &str) -> DeadLetterMessage {
        DeadLetterMessage::read(queue, &Message::builder().message_id("1").body(body).build())
    }

    #[test]
    fn worker_dead_letter_yields_reason_and_original_message() {
        let text = DeadLetter::new("not valid".to_owned(), 1, "m".to_owned(), "{}").to_json();
        let message = read(DeadLetterQueue::Requests, &text);
        assert_eq!((message.reason.as_str(), message.body.as_str(), message.is_truncated), ("not valid", "{}", false));
        let long = "x".repeat(DeadLetter::MAX_BODY_BYTES + 1);
        let text = DeadLetter::new("too long".to_owned(), 1, "m".to_owned(), &long).to_json();
        assert!(read(DeadLetterQueue::Requests, &text).is_truncated);
    }

    #[test]
    fn redriven_message_without_envelope_is_kept_unchanged() {
        let message = read(DeadLetterQueue::Requests, "{\"Type\":\"Notification\"}");
        assert_eq!(message.body, "{\"Type\":\"Notification\"}");
        assert!(message.reason.starts_with("received too often"), "{}", message.reason);
        assert!(read(DeadLetterQueue::Subscription, "").reason.contains("SNS could not deliver"));
    }
}
