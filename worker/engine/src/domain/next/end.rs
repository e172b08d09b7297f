//! The end of a job, in each of its ways: with a build, without one, and by a rejection.

use doorbell_messages::Status;

use super::Transition;
use crate::domain::build_record::{BuildRecord, CommandRan, FinalResult};
use crate::domain::phase::Phase;
use crate::domain::rejection::Rejection;
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
        let order = self.row.order();
        self.row.enter_phase(Phase::Rejected { kind: Some(kind), reason, at: self.now }, None);
        self.release_turn(order);
        self.on_ended();
    }

    fn finish(&mut self, status: Status, message: String, build: Option<BuildRecord>, command_ran: CommandRan) {
        self.row.record(self.now, TrailKind::Finished, format!("{status}: {message}"));
        self.row.reset_report_retries();
        let result = FinalResult { status, message, at: self.now, command_ran: Some(command_ran) };
        let order = self.row.order();
        let not_older_than = self.row.launch().map(|launch| launch.not_older_than.clone()).unwrap_or_default();
        self.row.enter_phase(Phase::Finished { result, build, not_older_than }, None);
        self.release_turn(order);
        self.on_ended();
    }

    /// Decides what follows from the end of this job. Each way to end calls it, in the write that ends the row.
    fn on_ended(&mut self) {
        self.row.denied_start = None;
        self.promote_or_drop_repeat();
    }
}
