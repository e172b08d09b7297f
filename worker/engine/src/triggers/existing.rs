//! A message whose key has a row: it is one with a job, or makes a later job of the series.

use std::sync::Arc;

use crate::acks::dead_letter;
use crate::domain::{IncomingRequest, Observation, Row};
use crate::drive::JobDriver;
use crate::job_tasks::CapacityPermit;
use crate::metrics;
use crate::ports::{Clock, JobLedger, MessageQueue, ReceiptHandle};
use crate::series_store::Intake;

use super::{NewJob, TriggerConsumer, log_not_persisted};

impl<L, C, D> TriggerConsumer<L, C, D>
where
    L: JobLedger + 'static,
    C: Clock + 'static,
    D: JobDriver,
{
    /// Takes a message whose key has a row. Returns the receipt where the message may be deleted.
    pub(super) async fn take_existing(
        &self,
        queue: &impl MessageQueue,
        new_job: NewJob,
        capacity: Option<CapacityPermit>,
    ) -> Option<ReceiptHandle> {
        let row = &new_job.initial_row;
        if row.request.id.is_none() {
            // The key holds the message's own id: this message made the row.
            metrics::duplicate_request();
            return Some(new_job.delivery.receipt);
        }
        let incoming =
            IncomingRequest { series: row.key.clone(), request: row.request.clone(), message: row.message.clone() };
        // Where the policy is not known here, the younger repeat is remembered: that costs a write and loses nothing.
        let requests_may_cancel =
            self.policies.cached(&row.request.project).is_none_or(|policy| policy.document.allow_cancel);
        match self.series.take(&incoming, row.received_at, requests_may_cancel).await {
            Ok(Intake::NewJob(row)) => {
                self.spawn_drive(*row, capacity);
                Some(new_job.delivery.receipt)
            }
            Ok(Intake::Joined(_) | Intake::Canceled) => Some(new_job.delivery.receipt),
            Ok(Intake::Collision(key)) => {
                let reason = format!("the job that it would make has the key of another message's job: {key}");
                dead_letter(queue, new_job.delivery, reason).await
            }
            Err(error) => {
                log_not_persisted(&new_job, &error);
                None
            }
        }
    }

    /// Processes a durable job, which nothing was decided of, in a task of its own.
    fn spawn_drive(&self, row: Row, capacity: Option<CapacityPermit>) {
        let driver = Arc::clone(&self.driver);
        self.tasks.spawn(row.key.clone(), async move {
            driver.drive(row, Observation::Due, None).await;
            drop(capacity);
        });
    }
}
