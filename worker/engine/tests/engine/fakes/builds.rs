use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use doorbell_engine::domain::{FailedPhase, ProviderBuild, Search, SendSeen, StartInput, Timestamp};
use doorbell_engine::ports::{Builds, PortError};
use doorbell_messages::{BuildId, JOB_ID};
use tokio::time::Instant;

use super::{Call, Dice, Shared, Worker, locked};
use crate::world::deployment;

/// The role that workers start builds with.
pub const ROLE: &str = "doorbell-worker/";

/// CodeBuild honours a token for so long.
const TOKEN_LIFE: Duration = Duration::from_secs(5 * 60);

/// The client's patience with one StartBuild.
const PATIENCE: Duration = Duration::from_secs(10);

/// How builds and their events behave.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Builds that run at once.
    pub limit: usize,
    /// Limits of single build projects, below that one.
    pub own_limits: BTreeMap<String, usize>,
    /// How long StartBuild takes.
    pub start_time: Duration,
    pub build_time: Duration,
    /// How a build ends, and the phase that did not succeed.
    pub ends: (String, Option<(String, String)>),
    /// How often each event is sent; none of them is "all are lost".
    pub copies: u32,
    /// How long after what it tells an event is sent. Beyond the build's time: in the wrong order.
    pub start_event_after: Duration,
    pub end_event_after: Duration,
    /// How long a new build is missing in listings.
    pub list_lag: Duration,
    /// How long BatchGetBuilds denies an end that an event has told.
    pub end_lag: Duration,
    /// StartBuild is refused as by IAM.
    pub is_denied: bool,
}

/// The provider.
#[derive(Debug)]
pub struct Account {
    pub rules: Rules,
    builds: BTreeMap<BuildId, Build>,
    tokens: HashMap<String, (BuildId, String, Timestamp)>,
    pub starts: u32,
    /// Everything that may vary varies.
    pub loose: Option<Dice>,
    pub most_at_once: usize,
}

#[derive(Debug, Clone)]
struct Build {
    shown: ProviderBuild,
    ends_at: Timestamp,
    ends: (String, Option<(String, String)>),
    end_lag: Duration,
}

impl Default for Account {
    fn default() -> Self {
        let rules = Rules {
            limit: 20,
            own_limits: BTreeMap::new(),
            start_time: Duration::from_millis(100),
            build_time: Duration::from_secs(30),
            ends: ("SUCCEEDED".to_owned(), None),
            copies: 1,
            start_event_after: Duration::from_millis(300),
            end_event_after: Duration::from_millis(300),
            list_lag: Duration::from_secs(20),
            end_lag: Duration::ZERO,
            is_denied: false,
        };
        Self { rules, builds: BTreeMap::new(), tokens: HashMap::new(), starts: 0, loose: None, most_at_once: 0 }
    }
}

impl Account {
    /// Every build that ever was, with its end if it has come.
    pub fn builds(&self, now: Timestamp) -> Vec<ProviderBuild> {
        self.builds.values().map(|build| build.at(now)).collect()
    }

    /// A build by somebody else, made to look like a job's.
    pub fn foreign_build(&mut self, job_id: &str, initiator: &str, now: Timestamp) -> BuildId {
        let id = self.add(Some(job_id.to_owned()), initiator.to_owned(), "builds", now);
        self.builds.get(&id).expect("it was just added").shown.id.clone()
    }

    fn running(&self, now: Timestamp) -> usize {
        self.builds.values().filter(|build| now < build.ends_at).count()
    }

    fn is_full(&self, project: &str, now: Timestamp) -> bool {
        let Some(limit) = self.rules.own_limits.get(project) else { return false };
        let is_of = |build: &&Build| build.shown.id.as_str().split(':').next() == Some(project) && now < build.ends_at;
        self.builds.values().filter(is_of).count() >= *limit
    }

    /// The provider forgets every build and token.
    pub fn forget_all(&mut self) {
        self.builds.clear();
        self.tokens.clear();
    }

    /// The provider forgets a build.
    pub fn forget(&mut self, id: &BuildId) {
        self.builds.remove(id);
    }

    fn start(&mut self, input: &StartInput, token: &str, who: &str, now: Timestamp) -> (SendSeen, bool) {
        self.starts += 1;
        let text = serde_json::to_string(input).expect("an input can be written");
        if let Some((id, before, at)) = self.tokens.get(token)
            && now.since(*at) < TOKEN_LIFE
        {
            if *before != text {
                return (SendSeen::Unknown("the token was used with other parameters".to_owned()), false);
            }
            return (SendSeen::Started(self.builds[id].at(now)), false);
        }
        if self.loose.as_mut().is_some_and(|dice| dice.once_in(12)) {
            return (SendSeen::Limited("ThrottlingException".to_owned()), false);
        }
        if self.rules.is_denied {
            return (SendSeen::Refused("AccessDeniedException".to_owned()), false);
        }
        if self.running(now) >= self.rules.limit || self.is_full(input.build_project.as_str(), now) {
            return (SendSeen::Limited("AccountLimitExceededException".to_owned()), false);
        }
        let job_id =
            input.environment.iter().find(|variable| variable.name == JOB_ID).map(|job_id| job_id.value.clone());
        let id = self.add(job_id, format!("{ROLE}{who}"), input.build_project.as_str(), now);
        self.tokens.insert(token.to_owned(), (id.clone(), text, now));
        self.most_at_once = self.most_at_once.max(self.running(now));
        (SendSeen::Started(self.builds[&id].at(now)), true)
    }

    fn add(&mut self, job_id: Option<String>, initiator: String, project: &str, now: Timestamp) -> BuildId {
        let number = self.builds.len() as i64 + 1;
        let id = BuildId::new(format!("{project}:{number:04}"));
        let shown = ProviderBuild {
            id: id.clone(),
            number: Some(number),
            job_id,
            initiator: Some(initiator),
            complete: false,
            status: "IN_PROGRESS".to_owned(),
            started_at: Some(now),
            ended_at: None,
            log_url: Some(format!("https://logs.example.org/{number}")),
            failed_phase: None,
        };
        let Rules { mut ends, mut end_lag, mut build_time, .. } = self.rules.clone();
        if let Some(dice) = &mut self.loose {
            let all = [
                ("SUCCEEDED", None),
                ("FAILED", Some(("BUILD", "exit status 3"))),
                ("FAULT", None),
                ("TIMED_OUT", None),
            ];
            let (status, phase) = dice.one_of(&all);
            ends = (status.to_owned(), phase.map(|(name, text)| (name.to_owned(), text.to_owned())));
            end_lag = dice.millis(10_000);
            let longest = dice.one_of(&[2_000, 60_000, 900_000]);
            build_time = dice.millis(longest);
        }
        self.builds.insert(id.clone(), Build { shown, ends_at: now + build_time, ends, end_lag });
        id
    }
}

impl Build {
    fn at(&self, now: Timestamp) -> ProviderBuild {
        if now < self.ends_at + self.end_lag {
            return self.shown.clone();
        }
        let phase = self.ends.1.clone();
        ProviderBuild {
            complete: true,
            status: self.ends.0.clone(),
            ended_at: Some(self.ends_at),
            failed_phase: phase.map(|(name, message)| FailedPhase { name, message }),
            ..self.shown.clone()
        }
    }
}

/// The event of a build's state, as EventBridge puts it into the queue.
pub fn event(id: &BuildId, status: &str) -> String {
    serde_json::json!({
        "source": "aws.codebuild",
        "detail-type": "CodeBuild Build State Change",
        "detail": {
            "build-id": format!("arn:aws:codebuild:eu-west-1:123456789012:build/{id}"),
            "build-status": status,
        },
    })
    .to_string()
}

/// Sends the events of a new build when their time comes.
fn announce(shared: &Arc<Shared>, id: BuildId) {
    let (rules, ends) = {
        let account = locked(&shared.account);
        (account.rules.clone(), account.rules.ends.0.clone())
    };
    let (build_time, loose) = {
        let mut account = locked(&shared.account);
        let build_time = account.builds.get(&id).map(|build| build.ends_at.since(shared.now())).unwrap_or_default();
        (build_time, account.loose.as_mut().map(Dice::split))
    };
    for (status, after) in
        [("IN_PROGRESS".to_owned(), rules.start_event_after), (ends, build_time + rules.end_event_after)]
    {
        let (shared, id, mut loose) = (Arc::clone(shared), id.clone(), loose.clone());
        tokio::spawn(async move {
            let copies = loose.as_mut().map_or(rules.copies, |dice| dice.one_of(&[0, 1, 1, 1, 2, 3]));
            let mut after = after;
            for _ in 0..copies {
                let late = loose.as_mut().map(|dice| {
                    let latest = dice.one_of(&[500, 60_000, 600_000]);
                    dice.millis(latest)
                });
                tokio::time::sleep(std::mem::take(&mut after) + late.unwrap_or_default()).await;
                shared.events.send(event(&id, &status));
            }
        });
    }
}

impl Builds for Worker {
    async fn start(&self, input: &StartInput, token: &str) -> SendSeen {
        let began = Instant::now();
        self.touch(|poison| input.environment.iter().any(|variable| variable.value == deployment().job_id(poison)))
            .await;
        if let Err(error) = self.process.before(Call::Start).await {
            return SendSeen::Unknown(error.to_string());
        }
        let start_time = locked(&self.shared.account).rules.start_time;
        tokio::time::sleep(start_time).await;
        self.process.lives().await;
        if began.elapsed() > PATIENCE {
            // Paused on its way: the client looks at its deadline before it goes on.
            return SendSeen::Unknown("it did not answer in time".to_owned());
        }
        let now = self.shared.now();
        let (answer, is_new) = locked(&self.shared.account).start(input, token, &self.process.name, now);
        if let (SendSeen::Started(build), true) = (&answer, is_new) {
            announce(&self.shared, build.id.clone());
        }
        match self.process.after(Call::Start).await {
            Ok(()) => answer,
            Err(error) => SendSeen::Unknown(error.to_string()),
        }
    }

    async fn list(&self, search: &Search) -> Result<Vec<ProviderBuild>, PortError> {
        self.process.before(Call::List).await?;
        let now = self.shared.now();
        let account = locked(&self.shared.account).builds(now);
        let lag = locked(&self.shared.account).rules.list_lag;
        let is_shown = |build: &ProviderBuild| {
            build.started_at.is_some_and(|at| at >= search.not_before && now.since(at) >= lag)
                && build.id.as_str().starts_with(&format!("{}:", search.build_project))
        };
        let found = account.into_iter().filter(is_shown).collect();
        self.process.after(Call::List).await?;
        Ok(found)
    }

    async fn describe(&self, ids: &[BuildId]) -> Result<Vec<ProviderBuild>, PortError> {
        self.process.before(Call::Describe).await?;
        let now = self.shared.now();
        let builds = {
            let account = locked(&self.shared.account);
            ids.iter().filter_map(|id| Some(account.builds.get(id)?.at(now))).collect()
        };
        self.process.after(Call::Describe).await?;
        Ok(builds)
    }

    async fn stop(&self, id: &BuildId) -> Result<(), PortError> {
        self.process.before(Call::Stop).await?;
        let now = self.shared.now();
        if let Some(build) = locked(&self.shared.account).builds.get_mut(id).filter(|build| now < build.ends_at) {
            build.ends_at = now;
            build.ends = ("STOPPED".to_owned(), None);
        }
        self.process.after(Call::Stop).await
    }
}
