//! Effects that write the rows of other jobs: a cancel of a series, and the promotion of a repeat.

use doorbell_messages::JobKey;
use tracing::error;

use crate::domain::{IncomingRequest, Observation, Row};
use crate::effects::EffectExecutor;
use crate::ports::{BuildSlots, Clock, JobCounter, JobLedger, OrderLedger};
use crate::series_store::Intake;

use super::Driver;

impl<L: JobLedger + JobCounter + BuildSlots, O: OrderLedger, C: Clock, E: EffectExecutor> Driver<L, O, C, E> {
    /// Cancels the jobs of a series, and drives those that were not canceled before.
    pub(super) async fn cancel_series(&self, cancel: &Row, series: &JobKey) -> Observation {
        let Some(now) = self.clock.now() else { return failed("no trusted AWS time yet") };
        match self.series.cancel(cancel, series, now).await {
            Ok(changed) => {
                for row in changed {
                    self.drive_other(row).await;
                }
                Observation::CancelRecorded
            }
            Err(error) => failed(&error.to_string()),
        }
    }

    /// Takes the repeat of a job that was refused, as if its message came now.
    pub(super) async fn promote_repeat(&self, incoming: &IncomingRequest) -> Observation {
        let Some(now) = self.clock.now() else { return failed("no trusted AWS time yet") };
        let followed_by = match self.series.take(incoming, now, true).await {
            Ok(Intake::NewJob(row)) => {
                let key = row.key.clone();
                self.drive_other(*row).await;
                Some(key)
            }
            Ok(Intake::Joined(key)) => Some(key),
            Ok(Intake::Canceled) => None,
            Ok(Intake::Collision(key)) => {
                error!(job.key = %key, "repeat not promoted: its job's key is that of another message");
                None
            }
            Err(error) => return failed(&error.to_string()),
        };
        Observation::RepeatPromoted { message: incoming.message.id.clone(), followed_by }
    }

    async fn drive_other(&self, row: Row) {
        Box::pin(self.drive_row(row, Observation::Due, None)).await;
    }
}

fn failed(reason: &str) -> Observation {
    Observation::QueryFailed(reason.to_owned())
}

#[cfg(test)]
mod tests;
