//! What does the registry say, and which commit is it?

use std::sync::Arc;

use doorbell_messages::{CommitId, RequestAction, Status};
use doorbell_registry::BuildProjectName;

use super::Job;
use crate::domain::backoff;
use crate::domain::launch::Launch;
use crate::domain::outcome::one_line;
use crate::domain::policy::{Policy, Rejection};
use crate::domain::row::{Phase, Wanted};
use crate::domain::sight::{Act, HeadSeen, PolicySeen};
use crate::domain::target::{ForgeSide, Target};

impl Job<'_> {
    pub(super) fn policy(&mut self, seen: PolicySeen) {
        if !matches!(self.row.phase, Phase::Received) {
            return;
        }
        match seen {
            PolicySeen::Known(policy) => self.judge(&policy),
            PolicySeen::Unknown => self.reject(format!("no project {} is registered", self.row.request.project), None),
            PolicySeen::Wrong(problem) => self.reject(problem, None),
            PolicySeen::Unavailable(reason) => self.wait_for("the registry", &reason),
        }
    }

    pub(super) fn judge(&mut self, policy: &Arc<Policy>) {
        let commit = self.row.request.commit.clone();
        let target = commit.clone().and_then(|commit| self.target(policy, commit));
        if self.now.since(self.row.message.sent_at) > self.rules.max_request_age {
            let hours = self.rules.max_request_age.as_secs() / 3600;
            return self.reject(format!("it was published more than {hours} h ago: too old to build"), target);
        }
        let build_project = match policy.judge(&self.row.request) {
            Ok(build_project) => build_project,
            Err(Rejection(reason)) => return self.reject(reason, target),
        };
        if self.row.request.action == RequestAction::Cancel {
            return self.cancel_another();
        }
        if self.row.wanted == Wanted::Cancel {
            return self.finish(Status::Canceled, "canceled before it started".to_owned(), None, target);
        }
        match (&policy.document.report_to, commit) {
            (Some(report), None) => self.acts.push(Act::FindHead {
                policy: Arc::clone(policy),
                build_project,
                side: ForgeSide::from(report),
                git_ref: self.row.git_ref().clone(),
            }),
            (_, commit) => self.accept(policy, &build_project, commit),
        }
    }

    pub(super) fn head(&mut self, policy: &Arc<Policy>, build_project: &BuildProjectName, head: HeadSeen) {
        if !matches!(self.row.phase, Phase::Received) {
            return;
        }
        match head {
            HeadSeen::Commit(commit) => self.accept(policy, build_project, Some(commit)),
            HeadSeen::Missing(reason) => {
                self.reject(format!("the forge has no {}: {}", self.row.git_ref(), one_line(&reason)), None)
            }
            HeadSeen::Unavailable(reason) => self.wait_for("the forge", &reason),
        }
    }

    pub(super) fn accept(&mut self, policy: &Policy, build_project: &BuildProjectName, commit: Option<CommitId>) {
        let deployment = &self.rules.deployment;
        let launch = Launch::freeze(policy, &self.row.request, &self.row.key, build_project, commit, deployment);
        self.row.note(self.now, format!("accepted; build project {build_project}"));
        self.row.enter(Phase::Accepted { launch: Box::new(launch), attempt: 1, waiting: None }, Some(self.now));
        self.start_or_end();
    }

    pub(super) fn target(&self, policy: &Policy, commit: CommitId) -> Option<Target> {
        // A cancel that is refused says nothing about the commit.
        let report = policy.document.report_to.as_ref().filter(|_| self.row.request.action == RequestAction::Start)?;
        Some(Target { forge: ForgeSide::from(report), commit, uid: self.rules.deployment.flag_uid(&self.row.key) })
    }

    pub(super) fn reject(&mut self, reason: String, target: Option<Target>) {
        self.row.note(self.now, format!("rejected: {reason}"));
        self.row.enter(Phase::Rejected { reason, at: self.now, target }, None);
    }

    /// A registry or a forge that can't be read: the job keeps its place, up to the queue's timeout.
    pub(super) fn wait_for(&mut self, what: &str, reason: &str) {
        if self.row.age(self.now) > self.rules.queue_timeout {
            return self.finish(Status::Error, format!("{what} could not be read: {}", one_line(reason)), None, None);
        }
        self.row.tries += 1;
        if self.row.tries == 1 {
            self.row.note(self.now, format!("waiting for {what}: {}", one_line(reason)));
        }
        self.row.phase_due = Some(self.now + backoff::WORLD.wait(self.row.key.as_str(), self.row.tries));
    }
}
