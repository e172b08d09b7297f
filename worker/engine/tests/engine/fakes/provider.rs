mod behavior;
mod build_events;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use doorbell_engine::domain::{
    BuildOutcome, BuildQuery, BuildState, LaunchSpec, ProviderBuild, ProviderProfile, StartOutcome, Timestamp,
};
use doorbell_engine::ports::{BuildProvider, DescribeError, PortError};
use doorbell_messages::{BuildId, JOB_ID};
use tokio::time::Instant;

use self::behavior::ProviderBehavior;
pub use self::build_events::event;
use self::build_events::schedule_events;
use super::commit_order::is_older;
use super::{PortCall, SeededRng, SimulatedWorker, lock};
use crate::harness::installation;

/// The role with which workers start builds.
pub const WORKER_ROLE_PREFIX: &str = "doorbell-worker/";

/// Time for which CodeBuild honors a token.
const TOKEN_LIFE: Duration = Duration::from_secs(5 * 60);

/// The client's timeout of one StartBuild call.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(10);

/// The provider.
#[derive(Debug, Default)]
pub struct FakeProvider {
    pub behavior: ProviderBehavior,
    builds: BTreeMap<BuildId, FakeBuild>,
    tokens: HashMap<String, (BuildId, String, Timestamp)>,
    pub start_calls: u32,
    /// Randomizes all behavior that may vary.
    pub rng: Option<SeededRng>,
    pub peak_running: usize,
}

#[derive(Debug, Clone)]
struct FakeBuild {
    description: ProviderBuild,
    ends_at: Timestamp,
    result: BuildOutcome,
    describe_lag: Duration,
    /// Its runner steps aside before the command, however the build ends.
    is_older: bool,
}

impl FakeProvider {
    /// All builds, with their results if they have ended.
    pub fn builds(&self, now: Timestamp) -> Vec<ProviderBuild> {
        self.builds.values().map(|build| build.at(now)).collect()
    }

    /// Whether a build's runner steps aside before the command.
    pub fn is_older(&self, id: &BuildId) -> bool {
        self.builds.get(id).is_some_and(|build| build.is_older)
    }

    /// Adds a build of another principal that looks like a job's.
    pub fn foreign_build(&mut self, job_id: &str, initiator: &str, now: Timestamp) -> BuildId {
        let id = self.add(Some(job_id.to_owned()), initiator.to_owned(), "builds", now);
        self.builds.get(&id).expect("it was just added").description.id.clone()
    }

    fn running(&self, now: Timestamp) -> usize {
        self.builds.values().filter(|build| now < build.ends_at).count()
    }

    fn is_project_full(&self, project: &str, now: Timestamp) -> bool {
        let Some(limit) = self.behavior.project_limits.get(project) else { return false };
        let is_of = |build: &&FakeBuild| {
            build.description.id.as_str().split(':').next() == Some(project) && now < build.ends_at
        };
        self.builds.values().filter(is_of).count() >= *limit
    }

    /// Removes all builds and tokens.
    pub fn remove_all_builds(&mut self) {
        self.builds.clear();
        self.tokens.clear();
    }

    /// Removes a build.
    pub fn remove_build(&mut self, id: &BuildId) {
        self.builds.remove(id);
    }

    fn start(&mut self, input: &LaunchSpec, token: &str, who: &str, now: Timestamp) -> (StartOutcome, bool) {
        self.start_calls += 1;
        let text = serde_json::to_string(input).expect("an input can be written");
        if let Some((id, before, at)) = self.tokens.get(token)
            && now.duration_since(*at) < TOKEN_LIFE
        {
            if *before != text {
                return (StartOutcome::Unknown("the token was used with other parameters".to_owned()), false);
            }
            return (StartOutcome::Started(self.builds[id].at(now)), false);
        }
        if self.rng.as_mut().is_some_and(|rng| rng.once_in(12)) {
            return (StartOutcome::Throttled("ThrottlingException".to_owned()), false);
        }
        if self.behavior.is_denied {
            return (StartOutcome::Denied("AccessDeniedException".to_owned()), false);
        }
        if self.running(now) >= self.behavior.build_limit || self.is_project_full(input.target.as_str(), now) {
            return (StartOutcome::Limited("AccountLimitExceededException".to_owned()), false);
        }
        let job_id =
            input.environment.iter().find(|variable| variable.name == JOB_ID).map(|job_id| job_id.value.clone());
        let id = self.add(job_id, format!("{WORKER_ROLE_PREFIX}{who}"), input.target.as_str(), now);
        if let Some(build) = self.builds.get_mut(&id).filter(|_| is_older(input)) {
            build.is_older = true;
            (build.result, build.ends_at) = (BuildOutcome::OlderCommit, now + Duration::from_secs(1));
        }
        self.tokens.insert(token.to_owned(), (id.clone(), text, now));
        self.peak_running = self.peak_running.max(self.running(now));
        (StartOutcome::Started(self.builds[&id].at(now)), true)
    }

    fn add(&mut self, job_id: Option<String>, initiator: String, project: &str, now: Timestamp) -> BuildId {
        let number = self.builds.len() as i64 + 1;
        let id = BuildId::new(format!("{project}:{number:04}"));
        let shown = ProviderBuild {
            id: id.clone(),
            number: Some(number),
            job_id,
            is_own: initiator.starts_with(WORKER_ROLE_PREFIX),
            state: BuildState::Running,
            reached_command: None,
            started_at: Some(now),
            ended_at: None,
            log_url: Some(format!("https://logs.example.org/{number}")),
        };
        let ProviderBehavior { result: mut ends, describe_lag: mut end_lag, mut build_time, .. } =
            self.behavior.clone();
        if let Some(rng) = &mut self.rng {
            let all = [
                BuildOutcome::Success,
                BuildOutcome::from_exit_code(3),
                BuildOutcome::InfrastructureFailed(None),
                BuildOutcome::TimedOut,
                BuildOutcome::from_exit_code(242),
            ];
            ends = all[rng.below(all.len() as u64) as usize].clone();
            end_lag = rng.millis(10_000);
            let longest = rng.one_of(&[2_000, 60_000, 900_000]);
            build_time = rng.millis(longest);
        }
        self.builds.insert(
            id.clone(),
            FakeBuild {
                description: shown,
                ends_at: now + build_time,
                result: ends,
                describe_lag: end_lag,
                is_older: false,
            },
        );
        id
    }
}

impl FakeBuild {
    fn at(&self, now: Timestamp) -> ProviderBuild {
        if now < self.ends_at + self.describe_lag {
            return self.description.clone();
        }
        ProviderBuild {
            state: BuildState::Ended(self.result.clone()),
            ended_at: Some(self.ends_at),
            ..self.description.clone()
        }
    }
}

/// The facts of the fake provider.
pub const PROFILE: ProviderProfile = ProviderProfile {
    name: "builder",
    token_reuse_window: Duration::from_secs(4 * 60),
    absence_confirmed_after: Duration::from_secs(16 * 60),
    lookback: Duration::from_secs(5 * 60),
    max_queue_time: Duration::from_secs(8 * 60 * 60),
    queued_phases: &["WAITING"],
    max_describe_batch: 100,
};

impl BuildProvider for SimulatedWorker {
    fn profile(&self) -> ProviderProfile {
        PROFILE
    }

    async fn start(&self, input: &LaunchSpec, token: &str) -> StartOutcome {
        let started = Instant::now();
        self.trigger_poison(|poison| {
            input.environment.iter().any(|variable| variable.value == installation().job_id(poison))
        })
        .await;
        if let Err(error) = self.process.before(PortCall::Start).await {
            return StartOutcome::Unknown(error.to_string());
        }
        let start_time = lock(&self.services.provider).behavior.start_time;
        tokio::time::sleep(start_time).await;
        self.process.wait_alive().await;
        if started.elapsed() > CLIENT_TIMEOUT {
            // The call was paused: the client checks its deadline before it continues.
            return StartOutcome::Unknown("it did not answer in time".to_owned());
        }
        let now = self.services.now();
        let (answer, is_new) = lock(&self.services.provider).start(input, token, &self.process.name, now);
        if let (StartOutcome::Started(build), true) = (&answer, is_new) {
            schedule_events(&self.services, build.id.clone());
        }
        match self.process.after(PortCall::Start).await {
            Ok(()) => answer,
            Err(error) => StartOutcome::Unknown(error.to_string()),
        }
    }

    async fn list(&self, search: &BuildQuery) -> Result<Vec<ProviderBuild>, PortError> {
        self.process.before(PortCall::List).await?;
        let now = self.services.now();
        let account = lock(&self.services.provider).builds(now);
        let lag = lock(&self.services.provider).behavior.listing_lag;
        let is_shown = |build: &ProviderBuild| {
            build.started_at.is_some_and(|at| at >= search.not_before && now.duration_since(at) >= lag)
                && build.id.as_str().starts_with(&format!("{}:", search.target))
        };
        let found = account.into_iter().filter(is_shown).collect();
        self.process.after(PortCall::List).await?;
        Ok(found)
    }

    async fn describe(&self, ids: &[BuildId]) -> Result<Vec<ProviderBuild>, DescribeError> {
        self.process.before(PortCall::Describe).await?;
        let now = self.services.now();
        let builds = {
            let account = lock(&self.services.provider);
            ids.iter().filter_map(|id| Some(account.builds.get(id)?.at(now))).collect()
        };
        self.process.after(PortCall::Describe).await?;
        Ok(builds)
    }

    async fn stop(&self, id: &BuildId) -> Result<(), PortError> {
        self.process.before(PortCall::Stop).await?;
        let now = self.services.now();
        if let Some(build) = lock(&self.services.provider).builds.get_mut(id).filter(|build| now < build.ends_at) {
            build.ends_at = now;
            build.result = BuildOutcome::Canceled;
        }
        self.process.after(PortCall::Stop).await
    }
}
