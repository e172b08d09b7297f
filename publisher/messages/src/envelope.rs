use serde::Deserialize;

use crate::text::invalid;
use crate::{MAX_REQUEST_BYTES, ParseError, RequestId, parse};

/// The largest SQS body that is parsed.
///
/// It fits the largest request, escaped as a JSON string (at most six bytes for a byte), and SNS's own fields.
pub const MAX_ENVELOPE_BYTES: usize = 6 * MAX_REQUEST_BYTES + 8 * 1024;

/// The longest `Timestamp`: SNS writes 24 characters, and RFC 3339 allows nine digits of a second.
const MAX_TIMESTAMP_BYTES: usize = 30;

/// The longest `TopicArn`: a topic's name has at most 256 characters.
const MAX_TOPIC_ARN_BYTES: usize = 512;

/// The envelope of a published message in SQS (`RawMessageDelivery` off).
///
/// A principal that may send to the queue can write one by hand. Its strings reach rows, keys and logs, so each has a
/// bounded form.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Envelope {
    /// `Notification`; SNS has other types, which are never requests.
    #[serde(rename = "Type")]
    kind: String,
    /// Unique for each publish: SNS writes a UUID. It may become part of a key, so it has the form of a request's id.
    pub message_id: String,
    /// The topic that it was published to.
    pub topic_arn: String,
    /// The request's text.
    pub message: String,
    /// When it was published: `2026-11-21T10:15:30.123Z`.
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
        envelope.check()?;
        Ok(envelope)
    }

    fn check(&self) -> Result<(), ParseError> {
        if self.kind != "Notification" {
            return Err(ParseError::at("$.Type", invalid(&self.kind, "Notification")));
        }
        self.message_id
            .parse::<RequestId>()
            .map_err(|problem| ParseError::at("$.MessageId", format!("the SNS message id: {problem}")))?;
        if !is_topic(&self.topic_arn) {
            return Err(ParseError::at("$.TopicArn", invalid(&self.topic_arn, "the ARN of an SNS topic")));
        }
        if !is_utc_timestamp(&self.timestamp) {
            return Err(ParseError::at(
                "$.Timestamp",
                invalid(&self.timestamp, "a time like 2026-11-21T10:15:30.123Z"),
            ));
        }
        Ok(())
    }
}

/// Printable ASCII without spaces. The worker compares the whole with its own topic.
fn is_topic(text: &str) -> bool {
    text.len() <= MAX_TOPIC_ARN_BYTES && text.starts_with("arn:") && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The form alone, digits for digits: the worker reads the time.
fn is_utc_timestamp(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let Some((seconds, rest)) = text.as_bytes().split_at_checked(FORM.len()) else { return false };
    let matches = |(byte, form): (&u8, &u8)| if *form == b'0' { byte.is_ascii_digit() } else { byte == form };
    let is_end = match rest {
        [b'Z'] => true,
        [b'.', digits @ .., b'Z'] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    text.len() <= MAX_TIMESTAMP_BYTES && seconds.iter().zip(FORM).all(matches) && is_end
}
