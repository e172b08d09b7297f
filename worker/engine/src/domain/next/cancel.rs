//! A cancel request: a row of its own, which records the cancellation in another job's row.

use doorbell_messages::{JobKey, Status};

use super::Transition;
use crate::domain::config::LEASE;
use crate::domain::effect::Effect;
use crate::domain::phase::Phase;
use crate::domain::rejection::{Rejection, RejectionKind};

impl Transition<'_> {
    pub(super) fn record_cancel(&mut self) {
        match JobKey::cancel_target(&self.row.request, &self.row.message.id) {
            Ok(target_key) => {
                self.row.phase_due_at = Some(self.now + LEASE);
                self.effects.push(Effect::CancelSeries(target_key));
            }
            // The row's own key was made of the same parts, so this cannot fail; if it does, it must be visible.
            Err(problem) => self.reject(Rejection::new(RejectionKind::CancelWithoutTarget, problem), None),
        }
    }

    pub(super) fn on_cancel_recorded(&mut self) {
        if matches!(self.row.phase, Phase::Received) {
            self.finish_without_build(Status::Success, "the job is asked to end".to_owned());
        }
    }
}
