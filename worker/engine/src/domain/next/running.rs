//! A build of this job, wherever it was met; and is it still there?

use doorbell_messages::{BuildId, Status};

use super::Job;
use crate::domain::backoff;
use crate::domain::launch::Launch;
use crate::domain::outcome::ProviderBuild;
use crate::domain::row::{Build, Phase, Wanted};
use crate::domain::rules::{ASK_AGAIN, LOST_AFTER};
use crate::domain::sight::Act;
use crate::domain::timestamp::Timestamp;

impl Job<'_> {
    pub(super) fn is_ours(&self, build: &ProviderBuild) -> bool {
        let job_id = self.rules.deployment.job_id(&self.row.key);
        let initiator_is_ours = build.initiator.as_ref().is_some_and(|who| self.rules.initiator.is(who));
        build.job_id.as_ref() == Some(&job_id) && initiator_is_ours
    }

    pub(super) fn described(&mut self, build: &ProviderBuild, claims_final: bool) {
        if !self.is_the_rows(build) && !self.is_ours(build) {
            return;
        }
        self.meet(build);
        if claims_final && self.is_the_rows(build) && !build.complete && matches!(self.row.phase, Phase::Running { .. })
        {
            self.row.phase_due = Some(self.now + ASK_AGAIN);
        }
    }

    pub(super) fn is_the_rows(&self, build: &ProviderBuild) -> bool {
        self.row.build().is_some_and(|own| own.id == build.id)
    }

    pub(super) fn meet(&mut self, build: &ProviderBuild) {
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

    pub(super) fn adopt(&mut self, launch: Box<Launch>, build: &ProviderBuild) {
        self.row.note(self.now, format!("build {}", build.id));
        let own = Build { id: build.id.clone(), log_url: build.log_url.clone() };
        let running = Phase::Running { launch: launch.clone(), build: own, since: self.now, gone_since: None };
        self.row.telling.afresh();
        self.row.enter(running, Some(self.now + self.rules.build_poll_interval));
        if self.row.wanted == Wanted::Cancel {
            self.row.phase_due = Some(self.now);
        }
        self.progress(launch, self.now, build);
    }

    pub(super) fn progress(&mut self, launch: Box<Launch>, since: Timestamp, build: &ProviderBuild) {
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
        self.row.phase_due = Some(due.unwrap_or(self.now + self.rules.look_again(self.now.since(since))));
    }

    pub(super) fn stop_second(&mut self, build: &ProviderBuild) {
        self.acts.push(Act::StopSecond { build: build.id.clone(), running: !build.complete });
        let text = format!("second build {} of this job", build.id);
        if !self.row.trail.iter().any(|note| note.text == text) {
            self.row.note(self.now, text);
        }
    }

    pub(super) fn look_after(&mut self, build: BuildId) {
        if self.row.wanted == Wanted::Cancel {
            // Written before the stop is sent; a crash between the two is mended at this due time.
            self.row.tries += 1;
            self.row.phase_due = Some(self.now + backoff::WORLD.wait(self.row.key.as_str(), self.row.tries));
            self.acts.push(Act::StopBuild(build.clone()));
        }
        self.acts.push(Act::Describe(build));
    }

    pub(super) fn not_known(&mut self, gone: &BuildId) {
        let Phase::Running { launch, build, gone_since, since } = &mut self.row.phase else { return };
        if build.id != *gone {
            return;
        }
        let gone_since = *gone_since.get_or_insert(self.now);
        let age = self.now.since(*since);
        if self.now.since(gone_since) >= LOST_AFTER {
            let (build, target) = (build.clone(), launch.target.clone());
            let text = "lost by the provider: it does not know the build any more".to_owned();
            return self.finish(Status::Error, text, Some(build), target);
        }
        self.row.phase_due = Some(self.now + self.rules.look_again(age));
    }
}
