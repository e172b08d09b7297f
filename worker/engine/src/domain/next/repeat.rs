//! Promotion: the repeat of a job that was refused, or canceled before the repeat, becomes a job of its own.

use doorbell_messages::JobKey;

use super::Transition;
use crate::domain::config::LEASE;
use crate::domain::effect::Effect;
use crate::domain::intake::IncomingRequest;
use crate::domain::trail::TrailKind;

impl Transition<'_> {
    /// Promotes the repeat that this job remembers, or drops it: then this job was the one that it asked for.
    ///
    /// The row keeps the repeat, and stays due and unsettled, until the next job is durable. A crash at any line before
    /// that repeats the promotion, which is idempotent.
    pub(super) fn promote_or_drop_repeat(&mut self) {
        let Some(repeat) = &self.row.repeat else { return };
        if !self.row.is_refused() && !self.row.is_canceled_before(repeat.sent_at) {
            self.row.repeat = None;
            return;
        }
        let request = IncomingRequest::from_repeat(&self.row, repeat);
        self.effects.push(Effect::PromoteRepeat(Box::new(request)));
        self.row.phase_due_at = Some(self.now + LEASE);
    }

    /// The repeat has its job, or needs none since a cancel of the series came after it.
    pub(super) fn on_repeat_promoted(&mut self, message: &str, followed_by: Option<JobKey>) {
        if !self.row.is_over() || self.row.repeat.as_ref().is_none_or(|repeat| repeat.message != message) {
            return;
        }
        let text = match &followed_by {
            Some(key) => format!("the repeat became {key}"),
            None => "the repeat was canceled".to_owned(),
        };
        self.row.record(self.now, TrailKind::FollowedBy, text);
        self.row.repeat = None;
        self.row.followed_by = followed_by;
        self.row.phase_due_at = None;
    }
}
