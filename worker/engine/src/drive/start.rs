//! The start of a build, which needs a slot of the installation.

use tokio::time::Instant;

use crate::admission::Permits;
use crate::domain::{Effect, Observation, Row, StartOutcome};
use crate::effects::EffectExecutor;
use crate::limiter::CallResult;
use crate::ports::{BuildSlots, Clock, JobCounter, JobLedger, OrderLedger};

use super::Driver;

impl<L: JobLedger + JobCounter + BuildSlots, O: OrderLedger, C: Clock, E: EffectExecutor> Driver<L, O, C, E> {
    /// Calls the provider once the job has a slot. To have none is the same as the provider's limit.
    ///
    /// A crash between the two leaves a slot with the job, which takes the same one when its claim has expired.
    pub(super) async fn start_build(
        &self,
        row: &Row,
        effect: &Effect,
        attempt: u32,
        permits: &mut Permits,
        claimed_at: Instant,
    ) -> Option<Observation> {
        if let Some(outcome) = self.slots.take(row).await {
            if let Some(permit) = permits.start.take()
                && matches!(outcome, StartOutcome::Limited(_))
            {
                permit.record(CallResult::Throttled(None));
            }
            return Some(Observation::StartAttempted { attempt, outcome });
        }
        let observation = self.effects.execute(row, effect, permits, claimed_at).await;
        if let Some(Observation::StartAttempted { outcome, .. }) = &observation {
            self.slots.release_refused(row, outcome, claimed_at).await;
        }
        observation
    }
}
