//! Intake: which requests are one job.
//!
//! A key K names a series. The first job of a series has its row at K; K's row lists the later ones. A message joins the
//! job that was published nearest to it, or makes a later job. The caller reads the rows and writes what is decided.

use std::time::Duration;

use doorbell_messages::{JobKey, Request, RequestAction};

use crate::domain::row::{DesiredState, Row};
use crate::domain::series::{RepeatRequest, SeriesEntry, SourceMessage};
use crate::domain::timestamp::Timestamp;

/// How far from a job's message a repeat may be published, if the request names a commit.
const REPEAT_WINDOW: Duration = Duration::from_secs(60 * 60);

/// The same without a commit: longer than the retries of one step, and shorter than the time to the next push.
const REPEAT_WINDOW_WITHOUT_COMMIT: Duration = Duration::from_secs(2 * 60);

/// How long the refusal of a request with `once` counts.
const ONCE_REFUSAL_WINDOW: Duration = Duration::from_secs(72 * 60 * 60);

/// A request with the message that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncomingRequest {
    /// The key of its series' first job.
    pub series: JobKey,
    /// What is asked.
    pub request: Request,
    /// The message.
    pub message: SourceMessage,
}

/// The place of a message in its series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesPlace {
    /// The message made this job before.
    Known(JobKey),
    /// The key of the message's own job is that of another message.
    Collision(JobKey),
    /// A cancel of the series was published after it.
    Canceled,
    /// The job of this entry may be the same one.
    Near(SeriesEntry),
    /// It makes a later job.
    LaterJob,
}

/// How a message relates to the job that was published nearest to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relation {
    /// It asks for the same job, and nothing is to be written.
    Same,
    /// It asks for the same job, which remembers it: this is that job's next row.
    Repeat(Box<Row>),
    /// It makes a later job.
    LaterJob,
}

impl IncomingRequest {
    /// The repeat that a job remembers, as the message that it was.
    pub fn from_repeat(row: &Row, repeat: &RepeatRequest) -> Self {
        let RepeatRequest { message, sent_at, cause, origin } = repeat.clone();
        // The hash by which a publisher watches belongs to the first request's publisher.
        let request = Request { cause, origin, watch: None, ..row.request.clone() };
        Self { series: row.key.series(), request, message: SourceMessage { id: message, sent_at } }
    }

    /// The key of the later job that this message would make.
    pub fn own_key(&self) -> JobKey {
        self.series.later_job(&self.message.id)
    }

    /// A new row of the job that this message makes.
    pub fn job_row(&self, key: JobKey, now: Timestamp) -> Row {
        Row::new(key, self.request.clone(), self.message.clone(), now)
    }

    /// A new row of the job of another message with the same words, whose worker crashed before it wrote one.
    pub fn row_of_entry(&self, first: &Row, entry: &SeriesEntry, now: Timestamp) -> Row {
        let message = SourceMessage { id: entry.message.clone(), sent_at: entry.sent_at };
        Row::new(first.entry_key(entry), self.request.clone(), message, now)
    }

    /// The place of this message, given the series' first row and the row at its own key.
    pub fn place(&self, first: &Row, own: Option<&Row>) -> SeriesPlace {
        if first.message.id == self.message.id {
            return SeriesPlace::Known(first.key.clone());
        }
        match own {
            Some(own) if own.message.id == self.message.id => return SeriesPlace::Known(own.key.clone()),
            Some(own) => return SeriesPlace::Collision(own.key.clone()),
            None => {}
        }
        // A cancel is an action of its own: each one counts.
        if self.request.action == RequestAction::Cancel {
            return SeriesPlace::LaterJob;
        }
        if first.series_canceled_at.is_some_and(|canceled_at| canceled_at >= self.message.sent_at) {
            return SeriesPlace::Canceled;
        }
        let nearest = first.series_entries().min_by_key(|entry| self.distance(entry.sent_at));
        match nearest.filter(|nearest| self.is_within_window(nearest.sent_at)) {
            Some(nearest) => SeriesPlace::Near(nearest),
            None => SeriesPlace::LaterJob,
        }
    }

    /// How this message relates to the job nearest to it.
    ///
    /// A job that is not over remembers one repeat: what follows from it is decided after all of them. So a flood of
    /// repeats writes once. Where requests may cancel, a younger repeat takes the place of an older one, since a cancel
    /// between the two must not take the younger one with it.
    pub fn relation_to(&self, nearest: &Row, requests_may_cancel: bool) -> Relation {
        if self.is_refusal(nearest) || nearest.is_canceled_before(self.message.sent_at) {
            return Relation::LaterJob;
        }
        let remembers_enough = match &nearest.repeat {
            None => false,
            Some(repeat) => !(requests_may_cancel && self.message.sent_at > repeat.sent_at),
        };
        if nearest.is_over() || nearest.message.id == self.message.id || remembers_enough {
            return Relation::Same;
        }
        let repeat = RepeatRequest {
            message: self.message.id.clone(),
            sent_at: self.message.sent_at,
            cause: self.request.cause.clone(),
            origin: self.request.origin.clone(),
        };
        Relation::Repeat(Box::new(nearest.with_repeat(repeat)))
    }

    fn is_refusal(&self, nearest: &Row) -> bool {
        let counts = |ended_at: Timestamp| {
            !self.request.once || self.message.sent_at.duration_since(ended_at) <= ONCE_REFUSAL_WINDOW
        };
        nearest.is_refused() && nearest.ended_at().is_some_and(counts)
    }

    fn is_within_window(&self, sent_at: Timestamp) -> bool {
        let window = match self.request.commit {
            _ if self.request.once => return true,
            Some(_) => REPEAT_WINDOW,
            None => REPEAT_WINDOW_WITHOUT_COMMIT,
        };
        self.distance(sent_at) <= window
    }

    fn distance(&self, sent_at: Timestamp) -> Duration {
        let own = self.message.sent_at;
        own.duration_since(sent_at).max(sent_at.duration_since(own))
    }
}

impl Row {
    /// Whether a cancel that was published before this time asks the job to end.
    pub(crate) fn is_canceled_before(&self, sent_at: Timestamp) -> bool {
        self.desired == DesiredState::Cancel && self.canceled_at.is_some_and(|canceled_at| sent_at > canceled_at)
    }
}
