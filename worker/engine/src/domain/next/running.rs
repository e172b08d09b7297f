//! Transitions of `running`: adopt a build, follow it to its end, stop duplicates.

use doorbell_messages::{BuildId, Status};

use super::Transition;
use crate::domain::backoff;
use crate::domain::build_record::{BuildRecord, CommandRan};
use crate::domain::config::{LOST_BUILD_TIMEOUT, REDESCRIBE_DELAY};
use crate::domain::effect::Effect;
use crate::domain::launch::Launch;
use crate::domain::phase::Phase;
use crate::domain::provider_build::ProviderBuild;
use crate::domain::row::DesiredState;
use crate::domain::timestamp::Timestamp;
use crate::domain::trail::TrailKind;

impl Transition<'_> {
    pub(super) fn is_own_build(&self, build: &ProviderBuild) -> bool {
        let job_id = self.config.installation.job_id(&self.row.key);
        build.job_id.as_ref() == Some(&job_id) && build.is_own
    }

    pub(super) fn on_build_described(&mut self, build: &ProviderBuild, claims_final: bool) {
        if !self.is_current_build(build) && !self.is_own_build(build) {
            return;
        }
        self.reconcile_build(build);
        if claims_final
            && self.is_current_build(build)
            && !build.is_complete()
            && matches!(self.row.phase, Phase::Running { .. })
        {
            self.row.phase_due_at = Some(self.now + REDESCRIBE_DELAY);
        }
    }

    pub(super) fn is_current_build(&self, build: &ProviderBuild) -> bool {
        self.row.build().is_some_and(|own| own.id == build.id)
    }

    pub(super) fn reconcile_build(&mut self, build: &ProviderBuild) {
        match &self.row.phase {
            // A build of a start that was denied, against the provider's own word: one more must not follow.
            Phase::Received => {
                if let Some(denied) = self.row.denied_start.take() {
                    self.adopt(denied.launch, build);
                }
            }
            Phase::Accepted { launch, .. } | Phase::Starting { launch, .. } => {
                let launch = launch.clone();
                self.adopt(launch, build);
            }
            Phase::Running { build: own, launch, running_since, .. } if own.id == build.id => {
                let (launch, running_since) = (launch.clone(), *running_since);
                self.track_build(launch, running_since, build);
            }
            Phase::Finished { build: Some(own), .. } if own.id == build.id => {}
            Phase::Running { .. } | Phase::Finished { .. } | Phase::Rejected { .. } => self.stop_duplicate(build),
        }
    }

    pub(super) fn adopt(&mut self, launch: Box<Launch>, build: &ProviderBuild) {
        self.row.record(self.now, TrailKind::Started, format!("build {}", build.id));
        let record = self.build_record(&launch, build);
        let running =
            Phase::Running { launch: launch.clone(), build: record, running_since: self.now, missing_since: None };
        self.row.reset_report_retries();
        self.row.enter_phase(running, Some(self.now + self.config.build_poll_interval));
        if self.row.desired == DesiredState::Cancel {
            self.row.phase_due_at = Some(self.now);
        }
        self.track_build(launch, self.now, build);
    }

    pub(super) fn track_build(&mut self, launch: Box<Launch>, running_since: Timestamp, build: &ProviderBuild) {
        let record = self.build_record(&launch, build);
        if let Some((status, message)) = build.final_status() {
            let message = older_commit_text(&launch, build).unwrap_or(message);
            return self.finish_with_build(status, message, record, build.command_ran());
        }
        let max_lifetime = launch.max_lifetime(self.config.provider.max_queue_time);
        if self.now.duration_since(running_since) > max_lifetime + LOST_BUILD_TIMEOUT {
            let text = "lost by the provider: the build runs longer than its own time limits".to_owned();
            return self.finish_with_build(Status::Error, text, record, CommandRan::Maybe);
        }
        if self.row.status() == Status::Queued && !record.is_queued {
            self.row.reset_report_retries();
        }
        self.row.phase = Phase::Running { launch, build: record, running_since, missing_since: None };
        if self.row.desired == DesiredState::Cancel {
            // The next try to stop it is due when `poll_build` set it.
            return;
        }
        // Only a poll that was due sets the next one: events would otherwise cost a write each.
        let due = self.row.phase_due_at.filter(|due| *due > self.now);
        self.row.phase_due_at =
            Some(due.unwrap_or(self.now + self.config.poll_interval(self.now.duration_since(running_since))));
    }

    /// The row's record of a build, with what an earlier record had and the provider does not show.
    ///
    /// A build that has left the provider's queue never counts as queued again, even if a late answer shows it queued.
    fn build_record(&self, launch: &Launch, build: &ProviderBuild) -> BuildRecord {
        let earlier = self.row.build().filter(|earlier| earlier.id == build.id);
        BuildRecord {
            provider: launch.provider.clone(),
            id: build.id.clone(),
            is_queued: build.is_queued() && earlier.is_none_or(|earlier| earlier.is_queued),
            log_url: build.log_url.clone(),
            log: earlier.and_then(|earlier| earlier.log.clone()),
        }
    }

    pub(super) fn stop_duplicate(&mut self, build: &ProviderBuild) {
        self.effects.push(Effect::StopDuplicate { build: build.id.clone(), is_running: !build.is_complete() });
        let message = format!("duplicate build {} detected", build.id);
        if !self.row.trail.iter().any(|entry| entry.message == message) {
            self.row.record(self.now, TrailKind::DuplicateBuild, message);
        }
    }

    pub(super) fn poll_build(&mut self, build: BuildId) {
        if self.row.desired == DesiredState::Cancel {
            // Written before the stop call: after a crash between the two, this due time repeats it.
            self.row.tries += 1;
            self.row.phase_due_at = Some(self.now + backoff::DEPENDENCY.delay(self.row.key.as_str(), self.row.tries));
            self.effects.push(Effect::StopBuild(build.clone()));
        }
        self.effects.push(Effect::DescribeBuild(build));
    }

    pub(super) fn on_build_missing(&mut self, missing: &BuildId) {
        let Phase::Running { build, missing_since, running_since, .. } = &mut self.row.phase else { return };
        if build.id != *missing {
            return;
        }
        let missing_since = *missing_since.get_or_insert(self.now);
        let age = self.now.duration_since(*running_since);
        if self.now.duration_since(missing_since) >= LOST_BUILD_TIMEOUT {
            let build = build.clone();
            let text = "lost by the provider: it does not know the build any more".to_owned();
            return self.finish_with_build(Status::Error, text, build, CommandRan::Maybe);
        }
        self.row.phase_due_at = Some(self.now + self.config.poll_interval(age));
    }
}

/// What a build that stepped aside is older than, as far as the launch says; the build's log names the commit.
fn older_commit_text(launch: &Launch, build: &ProviderBuild) -> Option<String> {
    let (first, others) = launch.not_older_than.split_first().filter(|_| build.is_older_commit())?;
    Some(match others.len() {
        0 => format!("older than commit {first} of the same ref"),
        count => format!("older than commit {first} of the same ref, or than one of {count} more (the log names it)"),
    })
}
