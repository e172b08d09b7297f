//! A cancel request: a row of its own, whose work is to mark another job's.

use doorbell_messages::{JobKey, Status};

use super::Job;
use crate::domain::row::Phase;
use crate::domain::rules::LEASE;
use crate::domain::sight::Act;

impl Job<'_> {
    pub(super) fn cancel_another(&mut self) {
        match JobKey::cancel_target(&self.row.request, &self.row.message.id) {
            Ok(other) => {
                self.row.phase_due = Some(self.now + LEASE);
                self.acts.push(Act::CancelJob(other));
            }
            // The row's own key was made of the same parts: this can't be, and if it is, it must be seen.
            Err(problem) => self.reject(problem, None),
        }
    }

    pub(super) fn cancel_marked(&mut self) {
        if matches!(self.row.phase, Phase::Received) {
            self.finish(Status::Success, "the job is asked to end".to_owned(), None, None);
        }
    }
}
