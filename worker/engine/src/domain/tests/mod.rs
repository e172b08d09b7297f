//! What `inject_next` makes of rows, one subject a file, and the fixtures that they share.

mod backoff;
mod cancel;
mod counted;
mod crash_record;
mod done;
mod end;
mod exhaustive;
mod installation;
mod intake;
mod launch;
mod notification;
mod policy;
mod properties;
mod provider_build;
mod public_text;
mod received;
mod repeat;
mod report_texts;
mod row_fixtures;
mod running;
mod search;
mod starting;
mod timestamp;
mod turn;
mod vendor_words;

use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::{BuildId, CommitId, JobKey, Request, Status};
use doorbell_registry::BuildProjectName;
use serde_json::{Value, json};

use crate::domain::{
    Admission, BuildOutcome, BuildState, Decision, DecisionContext, DeliveryOutcome, Effect, FailedStage,
    InstallationId, JobConfig, Observation, Phase, Policy, PolicyLookup, ProviderBuild, ProviderProfile, RefResolution,
    RegistryDocuments, Row, SourceMessage, StartOutcome, Timestamp, next,
};

pub(super) const MESSAGE: &str = "0b4a1c34-5d0e-5a4b-9c6e-4f1f0c7a2d11";
pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub(super) const HEAD: &str = "fedcba9876543210fedcba9876543210fedcba98";

/// The provider of these tests.
pub(super) const PROVIDER: ProviderProfile = ProviderProfile {
    name: "builder",
    token_reuse_window: mins(4),
    absence_confirmed_after: mins(16),
    lookback: mins(5),
    max_queue_time: mins(8 * 60),
    queued_phases: &["WAITING"],
    max_describe_batch: 100,
};

pub(super) const RUNNING: BuildState = BuildState::Running;
pub(super) const SUCCESS: BuildState = BuildState::Ended(BuildOutcome::Success);
pub(super) const FAILED: BuildState = BuildState::Ended(BuildOutcome::FailedOutsideCommand(None));
pub(super) const CANCELED: BuildState = BuildState::Ended(BuildOutcome::Canceled);

/// When every history here begins.
pub(super) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) const fn mins(minutes: u64) -> Duration {
    secs(minutes * 60)
}

pub(super) fn config() -> JobConfig {
    JobConfig {
        installation: InstallationId::from_ledger_arn("arn:aws:dynamodb:eu-west-1:123456789012:table/doorbell"),
        provider: PROVIDER,
        max_request_age: mins(72 * 60),
        queue_timeout: mins(24 * 60),
        build_poll_interval: secs(60),
        publishes_done_events: false,
        console_url: "https://console.example.org/projects".to_owned(),
    }
}

/// The base request with more or other fields.
pub(super) fn request(more: Value) -> Request {
    Request::parse(&merged(json!({"project": "demo", "branch": "main"}), more).to_string()).unwrap()
}

/// The base document, which reports to a forge, with more or other keys.
pub(super) fn policy(more: Value) -> Arc<Policy> {
    let base = json!({
        "gitUrl": "https://git.example.org/demo.git",
        "command": "./deploy.sh",
        "buildProject": "builds",
        "reportTo": {"type": "pagure", "url": "https://pagure.example.org", "repo": "demo", "tokenSecret": "forge/demo"},
    });
    Arc::new(read_policy(merged(base, more), None))
}

pub(super) fn read_policy(document: Value, fallback: Option<&str>) -> Policy {
    let documents = RegistryDocuments {
        project: ("/doorbell/demo".to_owned(), document.to_string()),
        default: Some(("/doorbell/_default".to_owned(), "{}".to_owned())),
    };
    let fallback: Option<BuildProjectName> = fallback.map(|name| name.parse().unwrap());
    Policy::read(&documents, fallback.as_ref()).unwrap()
}

/// `null` takes a key away.
pub(super) fn merged(mut base: Value, more: Value) -> Value {
    let map = base.as_object_mut().unwrap();
    map.extend(more.as_object().unwrap().clone());
    map.retain(|_, value| !value.is_null());
    base
}

/// One job, and the time it lives in. What it sees is decided and "written" at once.
#[derive(Debug, Clone)]
pub(super) struct JobHarness {
    pub(super) row: Row,
    pub(super) now: Timestamp,
    pub(super) slot_available: bool,
    pub(super) forge_admission: Admission,
    pub(super) topic_admission: Admission,
    pub(super) config: JobConfig,
}

impl JobHarness {
    /// A request that has just arrived, without a row of its past.
    pub(super) fn received(more: Value) -> Self {
        let request = request(more);
        let key = JobKey::for_request(&request, MESSAGE).unwrap();
        let row = Row::new(key, request, SourceMessage { id: MESSAGE.to_owned(), sent_at: START }, START);
        Self {
            row,
            now: START,
            slot_available: true,
            forge_admission: Admission::Granted,
            topic_admission: Admission::Granted,
            config: config(),
        }
    }

    /// One whose first send is claimed: commit known, report wanted, at `START`.
    pub(super) fn starting(policy_keys: Value) -> Self {
        let mut job = Self::received(json!({"commit": COMMIT}));
        job.observe(policy_found(&policy(policy_keys)));
        assert!(matches!(job.row.phase, Phase::Starting { .. }), "{:?}", job.row.phase);
        job
    }

    /// One whose build is known and was reported as running.
    pub(super) fn running() -> Self {
        let mut job = Self::starting(json!({}));
        let effects = job.observe_started(1);
        job.deliver_all(effects);
        assert_eq!(job.row.status(), Status::Running);
        job
    }

    /// One whose build succeeded, without a report yet.
    pub(super) fn finished() -> (Self, Vec<Effect>) {
        let mut job = Self::running();
        let build = job.build(1, SUCCESS);
        let effects = job.observe(build_described(build));
        (job, effects)
    }

    pub(super) fn observe(&mut self, observation: Observation) -> Vec<Effect> {
        let context = DecisionContext {
            now: self.now,
            slot_available: self.slot_available,
            forge_admission: self.forge_admission,
            topic_admission: self.topic_admission,
        };
        let Decision { mut row, changed, effects } = next(self.row.clone(), observation, context, &self.config);
        assert_eq!(changed, row != self.row, "`changed` says what happened");
        row.rev += u64::from(changed);
        self.row = row;
        effects
    }

    pub(super) fn fire_due(&mut self) -> Vec<Effect> {
        self.observe(Observation::Due)
    }

    pub(super) fn advance(&mut self, time: Duration) -> &mut Self {
        self.now = self.now + time;
        self
    }

    /// Waits until the row is due, and wakes it then.
    pub(super) fn fire_when_due(&mut self) -> Vec<Effect> {
        self.now = self.now.max(self.row.due_at().expect("the row is due at some time"));
        self.fire_due()
    }

    pub(super) fn observe_start(&mut self, outcome: StartOutcome) -> Vec<Effect> {
        let attempt = self.attempt();
        self.observe(Observation::StartAttempted { attempt, outcome })
    }

    pub(super) fn observe_started(&mut self, number: i64) -> Vec<Effect> {
        let build = self.build(number, RUNNING);
        self.observe_start(StartOutcome::Started(build))
    }

    pub(super) fn attempt(&self) -> u32 {
        match self.row.phase {
            Phase::Accepted { attempt, .. } | Phase::Starting { attempt, .. } => attempt,
            _ => panic!("no attempt in {:?}", self.row.phase),
        }
    }

    /// A build of this job, as the provider shows it.
    pub(super) fn build(&self, number: i64, state: BuildState) -> ProviderBuild {
        ProviderBuild {
            id: BuildId::new(format!("builds:{number}")),
            number: Some(number),
            job_id: Some(self.config.installation.job_id(&self.row.key)),
            is_own: true,
            reached_command: None,
            started_at: Some(START),
            ended_at: matches!(state, BuildState::Ended(_)).then(|| START + secs(42)),
            state,
            log_url: Some(format!("https://logs.example.org/{number}")),
        }
    }

    /// Delivers every report among the effects, and those that follow from it. Returns the reported statuses.
    pub(super) fn deliver_all(&mut self, effects: Vec<Effect>) -> Vec<Status> {
        let mut reported = Vec::new();
        let mut effects = effects;
        while let Some(Effect::ReportStatus { entry, report, claim, .. }) = effects.pop() {
            reported.push(report.status);
            effects = self.observe(Observation::ReportAttempted { entry, claim, outcome: DeliveryOutcome::Delivered });
        }
        reported
    }

    /// Lets the forge answer the report among the effects.
    pub(super) fn deliver(&mut self, effects: &[Effect], outcome: DeliveryOutcome) -> Vec<Effect> {
        let (entry, claim) = effects
            .iter()
            .find_map(|effect| match effect {
                Effect::ReportStatus { entry, claim, .. } => Some((*entry, *claim)),
                _ => None,
            })
            .unwrap_or_else(|| panic!("no report in {effects:?}"));
        self.observe(Observation::ReportAttempted { entry, claim, outcome })
    }
}

pub(super) fn policy_found(policy: &Arc<Policy>) -> Observation {
    Observation::PolicyRead(PolicyLookup::Found(Arc::clone(policy)))
}

pub(super) fn build_described(build: ProviderBuild) -> Observation {
    Observation::BuildDescribed { build, claims_final: false }
}

pub(super) fn commit(text: &str) -> CommitId {
    text.parse().unwrap()
}

pub(super) fn ref_resolved(policy: &Arc<Policy>, resolution: RefResolution) -> Observation {
    Observation::RefResolved { policy: Arc::clone(policy), build_project: "builds".parse().unwrap(), resolution }
}

/// The token and the input of the send among the effects.
pub(super) fn start_call(effects: &[Effect]) -> Option<(String, String)> {
    effects.iter().find_map(|effect| match effect {
        Effect::StartBuild { spec, token, .. } => Some((token.clone(), serde_json::to_string(spec).unwrap())),
        _ => None,
    })
}

pub(super) fn reported(effects: &[Effect]) -> Option<(Status, String)> {
    effects.iter().find_map(|effect| match effect {
        Effect::ReportStatus { report, .. } => Some((report.status, report.comment.clone())),
        _ => None,
    })
}

pub(super) fn failed_stage(phase: &str, message: &str) -> FailedStage {
    FailedStage { name: phase.to_owned(), message: message.to_owned() }
}

/// The final status and its text; panics while there is none.
pub(super) fn final_result(row: &Row) -> (Status, &str) {
    match &row.phase {
        Phase::Finished { result, .. } => (result.status, &result.message),
        Phase::Rejected { reason, .. } => (Status::Rejected, reason),
        phase => panic!("not over: {phase:?}"),
    }
}
