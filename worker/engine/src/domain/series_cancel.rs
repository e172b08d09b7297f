//! Cancels: of one job, and of all jobs of a series that were published before the cancel.

use doorbell_messages::{JobKey, RequestAction};

use crate::domain::row::{DesiredState, Row};
use crate::domain::series::{SeriesEntry, SourceMessage};
use crate::domain::timestamp::Timestamp;
use crate::domain::trail::TrailKind;

impl Row {
    /// The row with a cancellation that was published at `canceled_at`: due now.
    ///
    /// None where the job is over, or as young a cancellation was requested before.
    pub fn with_cancel_requested(&self, now: Timestamp, canceled_at: Timestamp, why: &str) -> Option<Self> {
        let is_requested = self.desired == DesiredState::Cancel;
        if self.is_over() || (is_requested && self.canceled_at.is_some_and(|earlier| earlier >= canceled_at)) {
            return None;
        }
        let mut row = Self {
            desired: DesiredState::Cancel,
            canceled_at: Some(canceled_at),
            phase_due_at: Some(now),
            ..self.clone()
        };
        if !is_requested {
            row.record(now, TrailKind::CancelRequested, why);
        }
        Some(row)
    }

    /// The first row of a series with a cancel of the whole series, and of its own job if that is older.
    ///
    /// None where a younger cancel was recorded before.
    pub fn with_series_canceled(&self, now: Timestamp, canceled_at: Timestamp, why: &str) -> Option<Self> {
        let is_older = self.message.sent_at <= canceled_at;
        let canceled = if is_older { self.with_cancel_requested(now, canceled_at, why) } else { None };
        if canceled.is_none() && self.series_canceled_at.is_some_and(|earlier| earlier >= canceled_at) {
            return None;
        }
        let series_canceled_at = self.series_canceled_at.max(Some(canceled_at));
        Some(Self { series_canceled_at, ..canceled.unwrap_or_else(|| self.clone()) })
    }

    /// Given the row of a cancel request: the first row of a series that no start request has reached yet.
    pub fn canceled_first_job(&self, key: JobKey, now: Timestamp) -> Self {
        let row = self.canceled_job(key, self.message.clone(), now);
        Self { series_canceled_at: row.canceled_at, ..row }
    }

    /// Given the row of a cancel request: the row of a listed job whose worker crashed before it wrote one.
    pub fn canceled_later_job(&self, key: JobKey, entry: &SeriesEntry, now: Timestamp) -> Self {
        self.canceled_job(key, SourceMessage { id: entry.message.clone(), sent_at: entry.sent_at }, now)
    }

    fn canceled_job(&self, key: JobKey, message: SourceMessage, now: Timestamp) -> Self {
        let mut request = self.request.clone();
        request.action = RequestAction::Start;
        let row = Self::new(key, request, message, now);
        Self { desired: DesiredState::Cancel, canceled_at: Some(self.message.sent_at), ..row }
    }
}
