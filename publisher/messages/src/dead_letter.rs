use serde::{Deserialize, Serialize};

use crate::text::json_for_queues;

/// What the worker puts into the dead-letter queue: the message, and why it can't be worked on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// Why, for people.
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
    /// Bytes of the body that are kept. A request has 16 KiB and an escaped one at worst six times that; what is
    /// longer can't be one. Escaped once more, this stays under SQS's smallest documented limit of 256 KiB.
    pub const MAX_BODY_BYTES: usize = 40 * 1024;

    /// Keeps as much of `body` as fits.
    pub fn new(reason: String, receive_count: u32, message_id: String, body: &str) -> Self {
        let end = (0..=body.len().min(Self::MAX_BODY_BYTES)).rev().find(|at| body.is_char_boundary(*at)).unwrap_or(0);
        Self { reason, receive_count, message_id, body: body[..end].to_owned(), body_bytes: body.len() }
    }

    /// The message to send.
    pub fn to_json(&self) -> String {
        // Writing texts and numbers can't fail.
        json_for_queues(serde_json::to_string(self).unwrap_or_default())
    }
}
