use doorbell_messages::{JobKey, RequestOrigin, SingleLineText};
use serde::{Deserialize, Serialize};

use crate::domain::row::Row;
use crate::domain::timestamp::Timestamp;
use crate::domain::trail::TrailKind;

/// The number of later jobs that the first row of a series lists.
const MAX_SERIES_LENGTH: usize = 16;

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

impl Row {
    /// The jobs of the series whose first row this is: that job, and the later ones that are listed.
    pub fn series_entries(&self) -> impl Iterator<Item = SeriesEntry> {
        let first = SeriesEntry { message: self.message.id.clone(), sent_at: self.message.sent_at };
        [first].into_iter().chain(self.series.iter().cloned())
    }

    /// The key of an entry of the series whose first row this is.
    pub fn entry_key(&self, entry: &SeriesEntry) -> JobKey {
        if entry.message == self.message.id { self.key.clone() } else { self.key.later_job(&entry.message) }
    }

    /// The series' first row with a later job in its list, which keeps the newest.
    ///
    /// The list grows in the order of publishing, so that an old message never moves anything back.
    pub fn with_later_job(&self, message: &SourceMessage) -> Self {
        let mut row = self.clone();
        row.series.push(SeriesEntry { message: message.id.clone(), sent_at: message.sent_at });
        row.series.sort_by(|a, b| (a.sent_at, &a.message).cmp(&(b.sent_at, &b.message)));
        let dropped = row.series.len().saturating_sub(MAX_SERIES_LENGTH);
        row.series.drain(..dropped);
        row
    }

    /// The row with a repeat of its request to remember. Its trail shows the latest.
    pub(crate) fn with_repeat(&self, repeat: RepeatRequest) -> Self {
        let mut row = self.clone();
        row.trail.retain(|entry| entry.kind != TrailKind::Repeated);
        row.record(repeat.sent_at, TrailKind::Repeated, "asked again; still this job");
        row.repeat = Some(repeat);
        row
    }
}
