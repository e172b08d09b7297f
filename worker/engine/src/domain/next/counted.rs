//! The limit of a project's jobs in an hour.
//!
//! A job is counted after the policy allowed it and before its launch is frozen.

use std::sync::Arc;

use doorbell_messages::{CommitId, Status};
use doorbell_registry::BuildProjectName;

use super::Transition;
use crate::domain::effect::Effect;
use crate::domain::hourly_count::{CountOutcome, HourlyCount};
use crate::domain::phase::Phase;
use crate::domain::policy::Policy;
use crate::domain::rejection::{Rejection, RejectionKind};
use crate::domain::row::DesiredState;

impl Transition<'_> {
    /// Accepts an allowed job, or has it counted first where the project limits its jobs.
    ///
    /// A job that was accepted before is counted already. A crash between the count and the row's write leaves a job
    /// that is due, and is counted again: the ledger knows it by its key, in the same hour.
    pub(super) fn count_or_accept(
        &mut self,
        policy: &Arc<Policy>,
        build_project: &BuildProjectName,
        commit: Option<CommitId>,
    ) {
        match policy.document.max_jobs_per_hour.filter(|_| self.row.denied_start.is_none()) {
            None => self.accept(policy, build_project, commit),
            Some(max) => self.effects.push(Effect::CountJob {
                policy: Arc::clone(policy),
                build_project: build_project.clone(),
                commit,
                max_jobs: max.get(),
            }),
        }
    }

    pub(super) fn on_job_counted(
        &mut self,
        policy: &Policy,
        build_project: &BuildProjectName,
        commit: Option<CommitId>,
        outcome: CountOutcome,
    ) {
        if !matches!(self.row.phase, Phase::Received) {
            return;
        }
        self.announce = Some(policy.document.announce);
        if self.row.desired == DesiredState::Cancel {
            let target = commit.and_then(|commit| self.report_target(policy, commit));
            self.set_report_target(target);
            return self.finish_without_build(Status::Canceled, "canceled before it started".to_owned());
        }
        match outcome {
            CountOutcome::Counted => self.accept(policy, build_project, commit),
            CountOutcome::LimitReached => self.reject_over_limit(policy, commit),
            CountOutcome::Failed(reason) => self.wait_for_dependency("the ledger", &reason),
        }
    }

    /// Rejects rather than queues: a backlog above the limit would run for hours after the one who asked has gone.
    fn reject_over_limit(&mut self, policy: &Policy, commit: Option<CommitId>) {
        let max = policy.document.max_jobs_per_hour.map_or(0, doorbell_registry::MaxJobsPerHour::get);
        let reason = format!(
            "project {} runs at most {max} jobs an hour (maxJobsPerHour), and this hour has them: publish it again \
             after {}",
            self.row.request.project,
            HourlyCount::of(&self.row).next_hour(),
        );
        let target = commit.and_then(|commit| self.report_target(policy, commit));
        self.reject(Rejection::new(RejectionKind::HourlyLimitReached, reason), target);
    }
}
