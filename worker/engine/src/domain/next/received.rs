//! Transitions of `received`: evaluate the policy, resolve the commit, freeze the launch.

use std::sync::Arc;

use doorbell_messages::{CommitId, RequestAction, Status};
use doorbell_registry::BuildProjectName;

use super::Transition;
use crate::domain::backoff;
use crate::domain::config::{LEASE, UNKNOWN_PROJECT_DELAY};
use crate::domain::effect::{Admission, Effect};
use crate::domain::launch::Launch;
use crate::domain::notification::ReportEntry;
use crate::domain::observation::{PolicyLookup, RefResolution};
use crate::domain::phase::Phase;
use crate::domain::policy::Policy;
use crate::domain::provider_build::one_line;
use crate::domain::rejection::{Rejection, RejectionKind};
use crate::domain::report_target::{ForgeRepository, ReportTarget};
use crate::domain::row::DesiredState;
use crate::domain::trail::TrailKind;

impl Transition<'_> {
    pub(super) fn on_policy_read(&mut self, lookup: PolicyLookup) {
        if !matches!(self.row.phase, Phase::Received) {
            return;
        }
        match lookup {
            PolicyLookup::Found(policy) => self.evaluate_policy(&policy),
            PolicyLookup::NotRegistered => {
                let reason = format!("no project {} is registered", self.row.request.project);
                self.reject(Rejection::new(RejectionKind::ProjectUnknown, reason), None);
            }
            PolicyLookup::Invalid(problem) => {
                self.reject(Rejection::new(RejectionKind::DocumentInvalid, problem), None);
            }
            PolicyLookup::Pending { is_registered } => self.wait_for_policy(is_registered),
            PolicyLookup::Unavailable(reason) => self.wait_for_dependency("the registry", &reason),
        }
    }

    pub(super) fn evaluate_policy(&mut self, policy: &Arc<Policy>) {
        self.announce = Some(policy.document.announce);
        // A job that was accepted before builds the commit that its flag is on.
        let commit = self.row.request.commit.clone().or_else(|| self.row.reported_commit().cloned());
        let target = commit.clone().and_then(|commit| self.report_target(policy, commit));
        if self.now.duration_since(self.row.message.sent_at) > self.config.max_request_age {
            let hours = self.config.max_request_age.as_secs() / 3600;
            let reason = format!("it was published more than {hours} h ago: too old to build");
            return self.reject(Rejection::new(RejectionKind::RequestTooOld, reason), target);
        }
        let build_project = match policy.evaluate(&self.row.request) {
            Ok(build_project) => build_project,
            Err(rejection) => return self.reject(rejection, target),
        };
        if self.row.request.action == RequestAction::Cancel {
            return self.record_cancel();
        }
        if self.row.desired == DesiredState::Cancel {
            self.set_report_target(target);
            return self.finish_without_build(Status::Canceled, "canceled before it started".to_owned());
        }
        match (&policy.document.report_to, commit) {
            (Some(_), None) if self.context.forge_admission != Admission::Granted => self.wait_for_forge_permit(),
            (Some(report), None) => self.effects.push(Effect::ResolveRef {
                policy: Arc::clone(policy),
                build_project,
                repository: ForgeRepository::from(report),
                git_ref: self.row.git_ref().clone(),
            }),
            (_, commit) => self.count_or_accept(policy, &build_project, commit),
        }
    }

    pub(super) fn on_ref_resolved(
        &mut self,
        policy: &Arc<Policy>,
        build_project: &BuildProjectName,
        resolution: RefResolution,
    ) {
        if !matches!(self.row.phase, Phase::Received) {
            return;
        }
        self.announce = Some(policy.document.announce);
        match resolution {
            RefResolution::Commit(commit) => self.count_or_accept(policy, build_project, Some(commit)),
            RefResolution::Missing(reason) => {
                let reason = format!("the forge has no {}: {}", self.row.git_ref(), one_line(&reason));
                self.reject(Rejection::new(RejectionKind::RefMissing, reason), None);
            }
            RefResolution::Unclear(reason) | RefResolution::Unavailable(reason) => {
                self.wait_for_dependency("the forge", &reason)
            }
        }
    }

    /// The job's turn at its forge has come: a job that waits for its commit goes on, whenever it is due.
    pub(super) fn on_forge_permit_granted(&mut self) {
        match self.row.phase {
            Phase::Received => self.effects.push(Effect::ReadPolicy),
            _ => self.on_due(),
        }
    }

    pub(super) fn accept(&mut self, policy: &Policy, build_project: &BuildProjectName, commit: Option<CommitId>) {
        if let Err(rejection) = policy.check_order(commit.as_ref()) {
            return self.reject(rejection, None);
        }
        let target = commit.clone().and_then(|commit| self.report_target(policy, commit));
        self.set_report_target(target);
        let launch = Launch::freeze(policy, &self.row.request, &self.row.key, build_project, commit, self.config);
        let denied = self.row.denied_start.take();
        if denied.as_ref().is_none_or(|denied| denied.launch.target != *build_project) {
            self.row.record(self.now, TrailKind::Accepted, format!("accepted; build project {build_project}"));
        }
        // The token of a denied start is used up; the tries go on, so that a denial of a day is no storm of calls.
        let (attempt, tries, waiting) =
            denied.map_or((1, 0, None), |denied| (denied.attempt + 1, denied.tries, Some(denied.reason)));
        let accepted = Phase::Accepted { launch: Box::new(launch), attempt, waiting, turn: None };
        self.row.enter_phase(accepted, Some(self.now));
        self.row.tries = tries;
        self.try_start();
    }

    pub(super) fn report_target(&self, policy: &Policy, commit: CommitId) -> Option<ReportTarget> {
        // A cancel that is rejected says nothing about the commit.
        let report = policy.document.report_to.as_ref().filter(|_| self.row.request.action == RequestAction::Start)?;
        Some(ReportTarget {
            to: ForgeRepository::from(report),
            commit,
            external_id: self.config.installation.external_id(&self.row.key),
        })
    }

    /// Sets where the job is reported. A job that was accepted before keeps its destinations, which may show its status.
    pub(super) fn set_report_target(&mut self, target: Option<ReportTarget>) {
        if !self.row.reports.is_empty() {
            return;
        }
        self.row.reports = target.map(ReportEntry::new).into_iter().collect();
    }

    /// Waits until the worker has read the registry and calls the job. The due time is for a job whose worker is gone.
    ///
    /// An unknown name waits longer than a pass takes: a flood of them then causes few writes.
    fn wait_for_policy(&mut self, is_registered: bool) {
        if self.row.age(self.now) > self.config.queue_timeout {
            return self.finish_without_build(Status::Error, "the registry could not be read".to_owned());
        }
        let delay = if is_registered { LEASE } else { UNKNOWN_PROJECT_DELAY };
        self.row.phase_due_at = Some(self.now + delay);
    }

    /// Waits for a permit to call the forge. The worker calls the job from memory when the permit is free.
    ///
    /// The due time is far: it is for a job whose worker is gone.
    fn wait_for_forge_permit(&mut self) {
        if self.row.age(self.now) > self.config.queue_timeout {
            return self.finish_without_build(Status::Error, "waited too long for the forge".to_owned());
        }
        if self.row.tries == 0 {
            self.row.tries = 1;
            self.row.record(self.now, TrailKind::Waiting, "waiting for the forge: calls of other jobs go first");
        }
        let backoff = match self.context.forge_admission {
            Admission::Granted | Admission::Queued => backoff::QUEUED,
            Admission::Closed => backoff::FORGE_DOWN,
        };
        self.row.phase_due_at = Some(self.now + backoff.delay(self.row.key.as_str(), self.row.tries));
    }

    /// Waits for a registry or a forge that does not answer, up to the queue timeout.
    pub(super) fn wait_for_dependency(&mut self, what: &str, reason: &str) {
        if self.row.age(self.now) > self.config.queue_timeout {
            return self.finish_without_build(Status::Error, format!("{what} could not be read: {}", one_line(reason)));
        }
        self.row.tries += 1;
        if self.row.tries == 1 {
            self.row.record(self.now, TrailKind::Waiting, format!("waiting for {what}: {}", one_line(reason)));
        }
        self.row.phase_due_at = Some(self.now + backoff::DEPENDENCY.delay(self.row.key.as_str(), self.row.tries));
    }
}
