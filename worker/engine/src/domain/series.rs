use doorbell_messages::{RequestOrigin, SingleLineText};
use serde::{Deserialize, Serialize};

use crate::domain::timestamp::Timestamp;

/// The message that made a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceMessage {
    /// The topic's id of it.
    pub id: String,
    /// When it was published.
    pub sent_at: Timestamp,
}

/// A later job of a series, listed in the row of the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeriesEntry {
    /// The id of the message that made it.
    pub message: String,
    /// When that was published.
    pub sent_at: Timestamp,
}

/// A repeat of the job's request that came while the job was not final.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatRequest {
    /// The id of the repeat's message.
    pub message: String,
    /// When that was published.
    pub sent_at: Timestamp,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<SingleLineText>,
    /// Who asked, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<RequestOrigin>,
}
