use serde::{Deserialize, Serialize};

use crate::text::json_for_queues;

/// A message of the dead-letter queue, as the worker sends it: the original message and the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The reason, for people.
    pub reason: String,
    /// How often SQS had delivered it.
    pub receive_count: u32,
    /// The SQS message id that it had.
    pub message_id: String,
    /// The message's text; its beginning only, where `bodyBytes` is larger.
    pub body: String,
    /// The text's whole size.
    pub body_bytes: usize,
}

impl DeadLetter {
    /// Bytes of the body that are kept. A request has 16 KiB and an escaped one at worst six times that; a
    /// longer body is no request. Escaped once more, this stays under SQS's smallest documented limit of 256 KiB.
    pub const MAX_BODY_BYTES: usize = 40 * 1024;

    /// Bytes of the reason that are kept. A reason may quote the message, and must not make the dead letter too large
    /// for its queue: it would then be no dead letter at all.
    pub const MAX_REASON_BYTES: usize = 2 * 1024;

    /// Keeps as much of `reason` and `body` as fits.
    pub fn new(mut reason: String, receive_count: u32, message_id: String, body: &str) -> Self {
        reason.truncate(reason.floor_char_boundary(Self::MAX_REASON_BYTES));
        let end = body.floor_char_boundary(Self::MAX_BODY_BYTES);
        Self { reason, receive_count, message_id, body: body[..end].to_owned(), body_bytes: body.len() }
    }

    /// The message to send.
    pub fn to_json(&self) -> String {
        // Writing strings and numbers cannot fail.
        json_for_queues(serde_json::to_string(self).unwrap_or_default())
    }
}
