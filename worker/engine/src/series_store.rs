//! Reads and writes the rows of a series, for a message that asks for a job of it or cancels its jobs.

mod cancel;

use std::sync::Arc;

use doorbell_messages::JobKey;
use tracing::info;

use crate::domain::{IncomingRequest, Relation, Row, SeriesPlace, Timestamp};
use crate::job_log::{log_received, span};
use crate::metrics;
use crate::ports::{JobLedger, LoadError, PortError};
use crate::row_store::{MAX_WRITE_CONFLICTS, RowInsert, RowStore, WriteOutcome};

/// The rows of series.
#[derive(Debug)]
pub(crate) struct SeriesStore<L> {
    rows: Arc<RowStore<L>>,
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Intake {
    /// A new job: its row is durable and due.
    NewJob(Box<Row>),
    /// It is one with this job.
    Joined(JobKey),
    /// A cancel of the series was published after it.
    Canceled,
    /// The key of its job is that of another message.
    Collision(JobKey),
}

/// Why a message could not be taken now: its row may or may not be durable, and taking it again is harmless.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SeriesError {
    /// A row of the series could not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A row of the series could not be written.
    #[error(transparent)]
    Write(#[from] PortError),
    /// Other processes wrote first, each time.
    #[error("gave up after {MAX_WRITE_CONFLICTS} write conflicts")]
    Conflicts,
}

impl<L: JobLedger> SeriesStore<L> {
    pub(crate) fn new(rows: Arc<RowStore<L>>) -> Self {
        Self { rows }
    }

    /// Makes a job of a message, or finds the job that it is one with. Each write may be the last before a crash: the
    /// same call after it continues.
    ///
    /// # Errors
    /// The ledger failed, a row has a newer schema, or other processes keep writing the rows.
    pub(crate) async fn take(
        &self,
        incoming: &IncomingRequest,
        now: Timestamp,
        requests_may_cancel: bool,
    ) -> Result<Intake, SeriesError> {
        for _ in 0..MAX_WRITE_CONFLICTS {
            if let Some(intake) = self.try_take(incoming, now, requests_may_cancel).await? {
                log_intake(incoming, &intake);
                return Ok(intake);
            }
        }
        Err(SeriesError::Conflicts)
    }

    /// One try: none where another process wrote first.
    async fn try_take(
        &self,
        incoming: &IncomingRequest,
        now: Timestamp,
        requests_may_cancel: bool,
    ) -> Result<Option<Intake>, SeriesError> {
        // Absent: the row has expired.
        let Some(first) = self.rows.load(&incoming.series).await? else {
            return self.insert_job(incoming.job_row(incoming.series.clone(), now)).await;
        };
        let own = if first.message == incoming.message { None } else { self.rows.load(&incoming.own_key()).await? };
        match incoming.place(&first, own.as_ref()) {
            SeriesPlace::Known(key) => Ok(Some(Intake::Joined(key))),
            SeriesPlace::Collision(key) => Ok(Some(Intake::Collision(key))),
            SeriesPlace::Canceled => Ok(Some(Intake::Canceled)),
            SeriesPlace::LaterJob => self.insert_later_job(incoming, first, now).await,
            SeriesPlace::Near(entry) => {
                let key = first.entry_key(&entry);
                let nearest = if key == first.key { Some(first.clone()) } else { self.rows.load(&key).await? };
                let Some(nearest) = nearest else {
                    // The worker that listed the job crashed before it wrote the row.
                    let inserted = self.insert_job(incoming.row_of_entry(&first, &entry, now)).await?;
                    return Ok(inserted.filter(|_| key == incoming.own_key()));
                };
                match incoming.relation_to(&nearest, requests_may_cancel) {
                    Relation::Same => Ok(Some(Intake::Joined(key))),
                    Relation::Repeat(row) => {
                        let written = self.write(nearest, *row).await?;
                        Ok(written.map(|_| Intake::Joined(key)))
                    }
                    Relation::LaterJob => self.insert_later_job(incoming, first, now).await,
                }
            }
        }
    }

    /// Lists a later job in the series' first row, and inserts its row then.
    ///
    /// A crash between the two leaves a job without a row: the redelivered message, or any repeat of it, inserts it. A
    /// cancel that comes meanwhile meets the first write at the row's revision, so that neither misses the other.
    async fn insert_later_job(
        &self,
        incoming: &IncomingRequest,
        first: Row,
        now: Timestamp,
    ) -> Result<Option<Intake>, SeriesError> {
        let listed = first.with_later_job(&incoming.message);
        if self.write(first, listed).await?.is_none() {
            return Ok(None);
        }
        self.insert_job(incoming.job_row(incoming.own_key(), now)).await
    }

    /// Inserts a job's row. None where the key has a row.
    async fn insert_job(&self, row: Row) -> Result<Option<Intake>, SeriesError> {
        match self.rows.insert(vec![row]).await.pop() {
            Some((row, RowInsert::Inserted)) => Ok(Some(Intake::NewJob(Box::new(row)))),
            Some((_, RowInsert::AlreadyExists)) => Ok(None),
            Some((_, RowInsert::NewerSchema(schema))) => Err(LoadError::NewerSchema(schema).into()),
            Some((_, RowInsert::Failed(error))) => Err(error.into()),
            None => Err(PortError("the ledger did not answer".to_owned()).into()),
        }
    }

    /// Writes a row over the one that was read. None where another process wrote first.
    async fn write(&self, read: Row, next: Row) -> Result<Option<Row>, SeriesError> {
        let rev = read.rev;
        match self.rows.update_row_with(read, |row| (row.rev == rev).then(|| next.clone())).await {
            WriteOutcome::Written(row) => Ok(Some(*row)),
            WriteOutcome::Unchanged(_) | WriteOutcome::Absent | WriteOutcome::GaveUp { last_error: None } => Ok(None),
            WriteOutcome::GaveUp { last_error: Some(error) } => Err(error.into()),
            WriteOutcome::Unavailable(error) => Err(error.into()),
        }
    }
}

fn log_intake(incoming: &IncomingRequest, intake: &Intake) {
    let message = &incoming.message.id;
    match intake {
        Intake::NewJob(row) => span(row).in_scope(|| log_received(row)),
        Intake::Joined(key) => {
            metrics::duplicate_request();
            info!(job.key = %key, sns.message_id = message, "asked again; still this job");
        }
        Intake::Canceled => {
            metrics::request_canceled_on_arrival();
            info!(job.series = %incoming.series, sns.message_id = message, "canceled before it arrived");
        }
        // The message goes to the dead-letter queue, which is logged there.
        Intake::Collision(_) => {}
    }
}

#[cfg(test)]
mod interleavings;
#[cfg(test)]
mod tests;
