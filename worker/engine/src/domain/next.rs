use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::{Action, BuildId, BuildProjectName, CommitId, JobKey, OnUnknownStart, Status};

use crate::domain::backoff;
use crate::domain::launch::Launch;
use crate::domain::outcome::{ProviderBuild, one_line};
use crate::domain::policy::{Policy, Rejection};
use crate::domain::row::{Build, Ending, Phase, Row, Wanted};
use crate::domain::rules::{
    ASK_AGAIN, LEASE, LOST_AFTER, Rules, SEARCH_AGAIN, SEARCH_BACK, SEARCH_BELIEVED, TOKEN_SAFE,
};
use crate::domain::sight::{Act, HeadSeen, PolicySeen, Search, Seen, SendSeen, Situation};
use crate::domain::target::{ForgeSide, Target};
use crate::domain::telling;
use crate::domain::timestamp::Timestamp;

/// What a row becomes, and what is to be done then.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The row as it is to be written.
    pub row: Row,
    /// Whether it differs from the one that came in.
    pub changed: bool,
    /// What to do once it is written, in this order.
    pub acts: Vec<Act>,
}

/// The one decision of the system. Pure and total: every row can meet everything that can be seen, in any order and
/// any number of times, and what does not concern it leaves it as it is.
pub fn next(row: Row, seen: Seen, situation: Situation, rules: &Rules) -> Step {
    let before = row.clone();
    let mut job = Job { row, acts: Vec::new(), now: situation.now, pool_open: situation.pool_open, rules };
    job.take_in(seen);
    let told = telling::claim(&mut job.row, situation.now, rules);
    job.acts.extend(told);
    Step { changed: job.row != before, row: job.row, acts: job.acts }
}

struct Job<'a> {
    row: Row,
    acts: Vec<Act>,
    now: Timestamp,
    pool_open: bool,
    rules: &'a Rules,
}

impl Job<'_> {
    fn take_in(&mut self, seen: Seen) {
        match seen {
            Seen::Woken => self.woken(),
            Seen::Policy(policy) => self.policy(policy),
            Seen::Head { policy, build_project, head } => self.head(&policy, &build_project, head),
            Seen::Sent { attempt, answer } => self.sent(attempt, answer),
            Seen::Searched { asked_at, builds } => self.searched(asked_at, builds),
            Seen::Described { build, claims_final } => self.described(&build, claims_final),
            Seen::NotKnown(build) => self.not_known(&build),
            Seen::Told { claimed_at, outcome } => telling::heard(&mut self.row, claimed_at, outcome, self.now),
            Seen::CancelMarked => self.cancel_marked(),
            Seen::LookFailed(reason) => self.look_failed(&reason),
        }
    }

    fn woken(&mut self) {
        if self.row.phase_due.is_none_or(|due| due > self.now) {
            return;
        }
        match &self.row.phase {
            Phase::Received => self.acts.push(Act::ReadPolicy),
            Phase::Accepted { .. } => self.start_or_end(),
            // A job that is to end sends nothing any more: if the send in doubt started a build, the look finds it.
            Phase::Starting { first_sent_at, .. }
                if self.row.wanted == Wanted::Run && self.now.since(*first_sent_at) < TOKEN_SAFE =>
            {
                self.send_again();
            }
            Phase::Starting { launch, first_sent_at, .. } => self.acts.push(Act::SearchBuild(Search {
                build_project: launch.build_project.clone(),
                not_before: *first_sent_at - SEARCH_BACK,
                asked_at: self.now,
            })),
            Phase::Running { build, .. } => {
                let build = build.id.clone();
                self.look_after(build);
            }
            Phase::Finished { .. } | Phase::Rejected { .. } => self.row.phase_due = None,
        }
    }

    // ---- received: what does the registry say, and which commit is it?

    fn policy(&mut self, seen: PolicySeen) {
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

    fn judge(&mut self, policy: &Arc<Policy>) {
        let commit = self.row.request.commit.clone();
        let target = commit.clone().and_then(|commit| self.target(policy, commit));
        if self.now.since(self.row.message.sent_at) > self.rules.max_age {
            let hours = self.rules.max_age.as_secs() / 3600;
            return self.reject(format!("it was published more than {hours} h ago: too old to build"), target);
        }
        let build_project = match policy.judge(&self.row.request) {
            Ok(build_project) => build_project,
            Err(Rejection(reason)) => return self.reject(reason, target),
        };
        if self.row.request.action == Action::Cancel {
            return self.cancel_another();
        }
        if self.row.wanted == Wanted::Cancel {
            return self.finish(Status::Canceled, "canceled before it started".to_owned(), None, target);
        }
        match (&policy.document.report, commit) {
            (Some(report), None) => self.acts.push(Act::FindHead {
                policy: Arc::clone(policy),
                build_project,
                side: ForgeSide::from(report),
                git_ref: self.row.git_ref().clone(),
            }),
            (_, commit) => self.accept(policy, &build_project, commit),
        }
    }

    fn head(&mut self, policy: &Arc<Policy>, build_project: &BuildProjectName, head: HeadSeen) {
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

    fn accept(&mut self, policy: &Policy, build_project: &BuildProjectName, commit: Option<CommitId>) {
        let deployment = &self.rules.deployment;
        let launch = Launch::freeze(policy, &self.row.request, &self.row.key, build_project, commit, deployment);
        self.row.note(self.now, format!("accepted; build project {build_project}"));
        self.row.enter(Phase::Accepted { launch: Box::new(launch), attempt: 1, waiting: None }, Some(self.now));
        self.start_or_end();
    }

    fn target(&self, policy: &Policy, commit: CommitId) -> Option<Target> {
        // A cancel that is refused says nothing about the commit.
        let report = policy.document.report.as_ref().filter(|_| self.row.request.action == Action::Start)?;
        Some(Target { forge: ForgeSide::from(report), commit, uid: self.rules.deployment.flag_uid(&self.row.key) })
    }

    fn reject(&mut self, reason: String, target: Option<Target>) {
        self.row.note(self.now, format!("rejected: {reason}"));
        self.row.enter(Phase::Rejected { reason, at: self.now, target }, None);
    }

    /// A registry or a forge that can't be read: the job keeps its place, up to the queue's timeout.
    fn wait_for(&mut self, what: &str, reason: &str) {
        if self.row.age(self.now) > self.rules.queue_timeout {
            return self.finish(Status::Error, format!("{what} could not be read: {}", one_line(reason)), None, None);
        }
        self.row.tries += 1;
        if self.row.tries == 1 {
            self.row.note(self.now, format!("waiting for {what}: {}", one_line(reason)));
        }
        self.row.phase_due = Some(self.now + backoff::WORLD.wait(self.row.key.as_str(), self.row.tries));
    }

    // ---- a cancel request: its own row, whose work is to mark another

    fn cancel_another(&mut self) {
        match JobKey::canceled_by(&self.row.request, &self.row.message.id) {
            Ok(other) => {
                self.row.phase_due = Some(self.now + LEASE);
                self.acts.push(Act::CancelJob(other));
            }
            // The row's own key was made of the same parts: this can't be, and if it is, it must be seen.
            Err(problem) => self.reject(problem, None),
        }
    }

    fn cancel_marked(&mut self) {
        if matches!(self.row.phase, Phase::Received) {
            self.finish(Status::Success, "the job is asked to end".to_owned(), None, None);
        }
    }

    // ---- accepted: claim a send, or end without one

    fn start_or_end(&mut self) {
        let Phase::Accepted { launch, attempt, waiting } = &self.row.phase else { return };
        let target = launch.target.clone();
        if self.row.wanted == Wanted::Cancel {
            return self.finish(Status::Canceled, "canceled before it started".to_owned(), None, target);
        }
        if self.row.age(self.now) > self.rules.queue_timeout {
            let why = waiting.clone().unwrap_or_else(|| "no build could be started".to_owned());
            return self.finish(Status::Error, format!("waited too long for a build: {why}"), None, target);
        }
        if !self.pool_open {
            self.row.phase_due = Some(self.now + backoff::LIMIT.wait(self.row.key.as_str(), 1));
            return;
        }
        let (launch, attempt) = (launch.clone(), *attempt);
        self.claim_send(launch, attempt, self.now, 1);
    }

    fn send_again(&mut self) {
        let Phase::Starting { launch, attempt, first_sent_at, sends, .. } = &self.row.phase else { return };
        let (launch, attempt, first_sent_at, sends) = (launch.clone(), *attempt, *first_sent_at, *sends);
        self.claim_send(launch, attempt, first_sent_at, sends + 1);
    }

    /// A crash after this row's write and before the send leaves a claim that nobody uses: at its due time the same
    /// token is sent, which starts the build or returns the one that a lost reply hid.
    fn claim_send(&mut self, launch: Box<Launch>, attempt: u32, first_sent_at: Timestamp, sends: u32) {
        self.acts.push(Act::StartBuild {
            input: launch.input.clone(),
            attempt,
            token: self.rules.deployment.token(&self.row.key, attempt),
            build_project: launch.build_project.clone(),
        });
        self.row.phase = Phase::Starting { launch, attempt, first_sent_at, last_sent_at: self.now, sends };
        self.row.phase_due = Some(self.now + LEASE);
    }

    // ---- starting: what came of the send?

    fn sent(&mut self, of_attempt: u32, answer: SendSeen) {
        if let SendSeen::Started(build) = &answer {
            return self.meet(build);
        }
        let Phase::Starting { launch, attempt, sends, .. } = &self.row.phase else { return };
        if *attempt != of_attempt {
            // About a token that was given up: it says nothing about the one that is in doubt now.
            return;
        }
        let target = launch.target.clone();
        // With an earlier send of the same token in doubt, a refusal says nothing about that one.
        let is_only_send = *sends == 1;
        match answer {
            SendSeen::Started(_) => {}
            SendSeen::Limited(reason) if is_only_send => self.back_to_waiting(&reason, backoff::LIMIT),
            SendSeen::Refused(reason) if is_only_send => self.back_to_waiting(&reason, backoff::WORLD),
            SendSeen::NotSent if is_only_send => self.back_to_waiting("the claim had run out", backoff::REPEAT),
            SendSeen::Invalid(reason) if is_only_send => {
                self.finish(
                    Status::Error,
                    format!("the provider refused the build: {}", one_line(&reason)),
                    None,
                    target,
                );
            }
            SendSeen::Limited(reason)
            | SendSeen::Refused(reason)
            | SendSeen::Invalid(reason)
            | SendSeen::Unknown(reason) => {
                self.still_unknown(&reason);
            }
            SendSeen::NotSent => self.still_unknown("the claim had run out"),
        }
    }

    /// Definitely no build under this token: the next send takes another one.
    fn back_to_waiting(&mut self, reason: &str, waits: backoff::Backoff) {
        let Phase::Starting { launch, attempt, .. } = &self.row.phase else { return };
        let (launch, attempt) = (launch.clone(), attempt + 1);
        if self.row.wanted == Wanted::Cancel {
            return self.finish(Status::Canceled, "canceled before it started".to_owned(), None, launch.target);
        }
        self.row.tries += 1;
        if self.row.tries == 1 {
            self.row.note(self.now, format!("waiting for a build: {}", one_line(reason)));
        }
        self.row.phase = Phase::Accepted { launch, attempt, waiting: Some(one_line(reason)) };
        self.row.phase_due = Some(self.now + waits.wait(self.row.key.as_str(), self.row.tries));
    }

    fn still_unknown(&mut self, reason: &str) {
        self.row.tries += 1;
        if self.row.tries == 1 {
            self.row.note(self.now, format!("it is not known whether a build started: {}", one_line(reason)));
        }
        self.row.phase_due = Some(self.now + backoff::REPEAT.wait(self.row.key.as_str(), self.row.tries));
    }

    fn searched(&mut self, asked_at: Timestamp, builds: Vec<ProviderBuild>) {
        let Phase::Starting { launch, attempt, last_sent_at, .. } = &self.row.phase else { return };
        let (launch, attempt, last_sent_at) = (launch.clone(), *attempt, *last_sent_at);
        let mut ours: Vec<ProviderBuild> = builds.into_iter().filter(|build| self.is_ours(build)).collect();
        ours.sort_by_key(|build| (build.number.unwrap_or(i64::MAX), build.started_at));
        if !ours.is_empty() {
            // The first is adopted; `meet` stops every other as a second build.
            ours.iter().for_each(|build| self.meet(build));
            return;
        }
        if asked_at.since(last_sent_at) < SEARCH_BELIEVED {
            let believed_at = last_sent_at + SEARCH_BELIEVED;
            self.row.phase_due =
                Some((self.now + SEARCH_AGAIN).min(believed_at.max(self.now + Duration::from_secs(1))));
            return;
        }
        match launch.on_unknown_start {
            OnUnknownStart::Retry => {
                self.row.note(self.now, "no build is to be seen: starting again");
                self.row.enter(Phase::Accepted { launch, attempt: attempt + 1, waiting: None }, Some(self.now));
                self.start_or_end();
            }
            OnUnknownStart::Stop => {
                let text = "unknown whether it started: a person decides (onUnknownStart is stop)".to_owned();
                self.finish(Status::Error, text, None, launch.target);
            }
        }
    }

    // ---- a build of this job, wherever it was met

    fn is_ours(&self, build: &ProviderBuild) -> bool {
        let job_id = self.rules.deployment.job_id(&self.row.key);
        let initiator_is_ours = build.initiator.as_ref().is_some_and(|who| who.starts_with(&self.rules.initiator));
        build.job_id.as_ref() == Some(&job_id) && initiator_is_ours
    }

    fn described(&mut self, build: &ProviderBuild, claims_final: bool) {
        if !self.is_the_rows(build) && !self.is_ours(build) {
            return;
        }
        self.meet(build);
        if claims_final && self.is_the_rows(build) && !build.complete && matches!(self.row.phase, Phase::Running { .. })
        {
            self.row.phase_due = Some(self.now + ASK_AGAIN);
        }
    }

    fn is_the_rows(&self, build: &ProviderBuild) -> bool {
        self.row.build().is_some_and(|own| own.id == build.id)
    }

    fn meet(&mut self, build: &ProviderBuild) {
        match &self.row.phase {
            // No row without a launch ever sent anything.
            Phase::Received => {}
            Phase::Accepted { launch, .. } | Phase::Starting { launch, .. } => {
                let launch = launch.clone();
                self.adopt(launch, build);
            }
            Phase::Running { build: own, launch, since, .. } if own.id == build.id => {
                let (launch, since) = (launch.clone(), *since);
                self.progress(launch, since, build);
            }
            Phase::Finished { build: Some(own), .. } if own.id == build.id => {}
            Phase::Running { .. } | Phase::Finished { .. } | Phase::Rejected { .. } => self.stop_second(build),
        }
    }

    fn adopt(&mut self, launch: Box<Launch>, build: &ProviderBuild) {
        self.row.note(self.now, format!("build {}", build.id));
        let own = Build { id: build.id.clone(), log_url: build.log_url.clone() };
        let running = Phase::Running { launch: launch.clone(), build: own, since: self.now, gone_since: None };
        self.row.telling.afresh();
        self.row.enter(running, Some(self.now + self.rules.reconcile_after));
        if self.row.wanted == Wanted::Cancel {
            self.row.phase_due = Some(self.now);
        }
        self.progress(launch, self.now, build);
    }

    fn progress(&mut self, launch: Box<Launch>, since: Timestamp, build: &ProviderBuild) {
        let own = Build { id: build.id.clone(), log_url: build.log_url.clone() };
        if let Some((status, text)) = build.outcome() {
            return self.finish(status, text, Some(own), launch.target);
        }
        if self.now.since(since) > launch.longest_life() + LOST_AFTER {
            let text = "lost by the provider: the build runs longer than its own time limits".to_owned();
            return self.finish(Status::Error, text, Some(own), launch.target);
        }
        self.row.phase = Phase::Running { launch, build: own, since, gone_since: None };
        if self.row.wanted == Wanted::Cancel {
            // The next try to stop it is due when `look_after` said.
            return;
        }
        // Only a look that was due moves the next one: events would otherwise cost a write each.
        let due = self.row.phase_due.filter(|due| *due > self.now);
        self.row.phase_due = Some(due.unwrap_or(self.now + self.rules.reconcile_after));
    }

    fn stop_second(&mut self, build: &ProviderBuild) {
        self.acts.push(Act::StopSecond { build: build.id.clone(), running: !build.complete });
        let text = format!("second build {} of this job", build.id);
        if !self.row.trail.iter().any(|note| note.text == text) {
            self.row.note(self.now, text);
        }
    }

    // ---- running: is it still there?

    fn look_after(&mut self, build: BuildId) {
        if self.row.wanted == Wanted::Cancel {
            // Written before the stop is sent; a crash between the two is mended at this due time.
            self.row.tries += 1;
            self.row.phase_due = Some(self.now + backoff::WORLD.wait(self.row.key.as_str(), self.row.tries));
            self.acts.push(Act::StopBuild(build.clone()));
        }
        self.acts.push(Act::Describe(build));
    }

    fn not_known(&mut self, gone: &BuildId) {
        let Phase::Running { launch, build, gone_since, .. } = &mut self.row.phase else { return };
        if build.id != *gone {
            return;
        }
        let gone_since = *gone_since.get_or_insert(self.now);
        if self.now.since(gone_since) >= LOST_AFTER {
            let (build, target) = (build.clone(), launch.target.clone());
            let text = "lost by the provider: it does not know the build any more".to_owned();
            return self.finish(Status::Error, text, Some(build), target);
        }
        self.row.phase_due = Some(self.now + self.rules.reconcile_after);
    }

    fn look_failed(&mut self, reason: &str) {
        match &self.row.phase {
            Phase::Received => self.wait_for("another job's row", reason),
            Phase::Starting { .. } => self.row.phase_due = Some(self.now + SEARCH_AGAIN),
            Phase::Running { .. } => self.row.phase_due = Some(self.now + self.rules.reconcile_after),
            Phase::Accepted { .. } | Phase::Finished { .. } | Phase::Rejected { .. } => {}
        }
    }

    fn finish(&mut self, status: Status, text: String, build: Option<Build>, target: Option<Target>) {
        self.row.note(self.now, format!("{status}: {text}"));
        self.row.telling.afresh();
        self.row.enter(Phase::Finished { ending: Ending { status, text, at: self.now }, build, target }, None);
    }
}
