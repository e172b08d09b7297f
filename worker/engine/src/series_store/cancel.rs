//! Cancels all jobs of a series that were published before a cancel request.

use doorbell_messages::JobKey;

use crate::domain::{Row, SeriesEntry, Timestamp};
use crate::ports::JobLedger;
use crate::row_store::{MAX_WRITE_CONFLICTS, WriteOutcome};

use super::{Intake, SeriesError, SeriesStore};

const REASON: &str = "a request asks to cancel the job";

impl<L: JobLedger> SeriesStore<L> {
    /// Records a cancel request in the rows of its series. Returns the rows that it changed: they are due.
    ///
    /// The first write says in the series' first row from when on messages are canceled, so that a message that comes
    /// later starts nothing. Then each listed job that is older gets its cancel. The cancel's own row stays due until
    /// all is written: a crash at any line repeats the rest.
    ///
    /// # Errors
    /// As [`SeriesStore::take`].
    pub(crate) async fn cancel(&self, cancel: &Row, series: &JobKey, now: Timestamp) -> Result<Vec<Row>, SeriesError> {
        let canceled_at = cancel.message.sent_at;
        for _ in 0..MAX_WRITE_CONFLICTS {
            let Some(first) = self.rows.load(series).await? else {
                // Queues reorder: the start request may come later.
                match self.insert_job(cancel.canceled_first_job(series.clone(), now)).await? {
                    Some(Intake::NewJob(row)) => return Ok(vec![*row]),
                    _ => continue,
                }
            };
            let mut changed = Vec::new();
            let first = match first.with_series_canceled(now, canceled_at, REASON) {
                None => first,
                Some(next) => match self.write(first, next).await? {
                    None => continue,
                    Some(written) => {
                        changed.push(written.clone());
                        written
                    }
                },
            };
            for entry in first.series.iter().filter(|entry| entry.sent_at <= canceled_at) {
                changed.extend(self.cancel_later_job(cancel, &first.entry_key(entry), entry, now).await?);
            }
            return Ok(changed);
        }
        Err(SeriesError::Conflicts)
    }

    async fn cancel_later_job(
        &self,
        cancel: &Row,
        key: &JobKey,
        entry: &SeriesEntry,
        now: Timestamp,
    ) -> Result<Option<Row>, SeriesError> {
        for _ in 0..MAX_WRITE_CONFLICTS {
            let record = |row: &Row| row.with_cancel_requested(now, cancel.message.sent_at, REASON);
            match self.rows.update_with(key, record).await {
                WriteOutcome::Written(row) => return Ok(Some(*row)),
                WriteOutcome::Unchanged(_) => return Ok(None),
                WriteOutcome::GaveUp { last_error: Some(error) } => return Err(error.into()),
                WriteOutcome::GaveUp { last_error: None } => return Err(SeriesError::Conflicts),
                WriteOutcome::Unavailable(error) => return Err(error.into()),
                WriteOutcome::Absent => {
                    let row = cancel.canceled_later_job(key.clone(), entry, now);
                    if let Some(Intake::NewJob(row)) = self.insert_job(row).await? {
                        return Ok(Some(*row));
                    }
                }
            }
        }
        Err(SeriesError::Conflicts)
    }
}
