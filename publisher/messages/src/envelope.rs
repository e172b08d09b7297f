use serde::Deserialize;

use crate::{MAX_REQUEST_BYTES, ParseError, parse};

/// An SQS body larger than this is refused unread: the largest request, escaped as JSON text (six bytes a byte at
/// worst), and SNS's own fields.
pub const MAX_ENVELOPE_BYTES: usize = 6 * MAX_REQUEST_BYTES + 8 * 1024;

/// What SNS puts around a published message when it hands it to SQS (`RawMessageDelivery` off).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Envelope {
    /// `Notification`; SNS has other types, which are never requests.
    #[serde(rename = "Type")]
    kind: String,
    /// Unique for each publish.
    pub message_id: String,
    /// The topic that it was published to.
    pub topic_arn: String,
    /// The request's text.
    pub message: String,
    /// When it was published: ISO 8601, UTC.
    pub timestamp: String,
}

impl Envelope {
    /// Parses the body of an SQS message.
    ///
    /// # Errors
    /// Anything that SNS would not have written.
    pub fn parse(body: &str) -> Result<Self, ParseError> {
        if body.len() > MAX_ENVELOPE_BYTES {
            return Err(ParseError::whole(format!(
                "the message has {} bytes: at most {MAX_ENVELOPE_BYTES} are read",
                body.len()
            )));
        }
        let envelope: Self = parse::json(body).map_err(|error| ParseError {
            problem: format!("not an SNS notification (is RawMessageDelivery off?): {}", error.problem),
            ..error
        })?;
        match envelope.kind.as_str() {
            "Notification" => Ok(envelope),
            other => {
                Err(ParseError::at("$.Type", crate::text::invalid(other, "only a Notification carries a request")))
            }
        }
    }
}
