//! The end of a job, in each of its ways: with a build, without one, and by a rejection.

use doorbell_messages::{RequestAction, Status};
use doorbell_registry::AnnounceRule;

use super::Transition;
use crate::domain::build_record::{BuildRecord, CommandRan, FinalResult};
use crate::domain::done_event::DoneEventState;
use crate::domain::launch::Launch;
use crate::domain::phase::Phase;
use crate::domain::rejection::{Rejection, RejectionKind};
use crate::domain::report_target::ReportTarget;
use crate::domain::trail::TrailKind;

impl Transition<'_> {
    /// Ends a job that has a build.
    pub(super) fn finish_with_build(
        &mut self,
        status: Status,
        message: String,
        build: BuildRecord,
        command_ran: CommandRan,
    ) {
        self.finish(status, message, Some(build), command_ran);
    }

    /// Ends a job that has no build.
    ///
    /// Its command did not run, unless the outcome of a start call was never learnt: a build may exist that no search
    /// found.
    pub(super) fn finish_without_build(&mut self, status: Status, message: String) {
        let command_ran = if self.row.start_in_doubt { CommandRan::Maybe } else { CommandRan::No };
        self.finish(status, message, None, command_ran);
    }

    pub(super) fn reject(&mut self, rejection: Rejection, target: Option<ReportTarget>) {
        let Rejection { kind, reason } = rejection;
        self.set_report_target(target);
        self.row.record(self.now, TrailKind::Rejected, format!("rejected: {reason}"));
        self.end(Phase::Rejected { kind: Some(kind), reason, at: self.now });
    }

    fn finish(&mut self, status: Status, message: String, build: Option<BuildRecord>, command_ran: CommandRan) {
        self.row.record(self.now, TrailKind::Finished, format!("{status}: {message}"));
        self.row.reset_report_retries();
        let result = FinalResult { status, message, at: self.now, command_ran: Some(command_ran) };
        let not_older_than = self.row.launch().map(|launch| launch.not_older_than.clone()).unwrap_or_default();
        self.end(Phase::Finished { result, build, not_older_than });
    }

    /// Ends the row, and decides in the same write what follows from that.
    fn end(&mut self, phase: Phase) {
        self.row.done_event = self.done_event_at(&phase);
        let order = self.row.order();
        self.row.enter_phase(phase, None);
        self.release_turn(order);
        self.row.denied_start = None;
        self.promote_or_drop_repeat();
    }

    /// The done event of a job that ends like this, if one follows. Called while the row is still in the phase before.
    ///
    /// A cancel has none: it is no job that a subscriber waits for. A job that ends before its policy is read has none
    /// either, since its project may not be announced, or not exist.
    fn done_event_at(&self, phase: &Phase) -> Option<DoneEventState> {
        let rule = self.announce.filter(|_| self.config.publishes_done_events);
        let follows = match phase {
            // The ledger may have forgotten the job of an old message, whose event had the same id.
            Phase::Rejected { kind: Some(RejectionKind::RequestTooOld), .. } => false,
            Phase::Rejected { .. } => rule == Some(AnnounceRule::All),
            _ => {
                self.row.launch().is_some_and(|launch| launch.announces)
                    || rule.is_some_and(|rule| rule != AnnounceRule::None)
            }
        };
        if !follows || self.row.request.action != RequestAction::Start {
            return None;
        }
        let commit = self.row.launch().and_then(Launch::commit).or_else(|| self.row.reported_commit().cloned());
        let started_at = match &self.row.phase {
            Phase::Running { running_since, .. } => Some(*running_since),
            _ => None,
        };
        let commit = commit.or_else(|| self.row.request.commit.clone());
        Some(DoneEventState { commit, started_at, ..DoneEventState::default() })
    }
}
