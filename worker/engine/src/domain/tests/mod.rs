//! What `next` makes of rows, one subject a file, and the fixtures that they share.

mod backoff;
mod cancel;
mod deployment;
mod exhaustive;
mod launch;
mod outcome;
mod policy;
mod properties;
mod received;
mod running;
mod search;
mod starting;
mod strikes;
mod telling;
mod texts;
mod timestamp;

use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::{BuildId, CommitId, JobKey, Request, Status};
use doorbell_registry::BuildProjectName;
use serde_json::{Value, json};

use crate::domain::{
    Act, Deployment, Documents, FailedPhase, HeadSeen, Message, Passage, Phase, Policy, PolicySeen, ProviderBuild, Row,
    Rules, Seen, SendSeen, Situation, Step, TellSeen, Timestamp, next,
};

pub(super) const MESSAGE: &str = "0b4a1c34-5d0e-5a4b-9c6e-4f1f0c7a2d11";
pub(super) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
pub(super) const HEAD: &str = "fedcba9876543210fedcba9876543210fedcba98";
const OURS: &str = "doorbell-worker";

/// When every history here begins.
pub(super) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(super) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) const fn mins(minutes: u64) -> Duration {
    secs(minutes * 60)
}

pub(super) fn rules() -> Rules {
    Rules {
        deployment: Deployment::of_ledger("arn:aws:dynamodb:eu-west-1:123456789012:table/doorbell"),
        initiator: crate::domain::Initiator::Role(OURS.to_owned()),
        max_request_age: mins(72 * 60),
        queue_timeout: mins(24 * 60),
        build_poll_interval: secs(60),
        console_url: "https://console.example.org/projects".to_owned(),
    }
}

/// The base request with more or other fields.
pub(super) fn request(more: Value) -> Request {
    Request::parse(&over(json!({"project": "demo", "branch": "main"}), more).to_string()).unwrap()
}

/// The base document, which reports to a forge, with more or other keys.
pub(super) fn policy(more: Value) -> Arc<Policy> {
    let base = json!({
        "gitUrl": "https://git.example.org/demo.git",
        "command": "./deploy.sh",
        "buildProject": "builds",
        "reportTo": {"type": "pagure", "url": "https://pagure.example.org", "repo": "demo", "tokenSecret": "forge/demo"},
    });
    Arc::new(read_policy(over(base, more), None))
}

pub(super) fn read_policy(document: Value, fallback: Option<&str>) -> Policy {
    let documents = Documents {
        project: ("/doorbell/demo".to_owned(), document.to_string()),
        default: Some(("/doorbell/_default".to_owned(), "{}".to_owned())),
    };
    let fallback: Option<BuildProjectName> = fallback.map(|name| name.parse().unwrap());
    Policy::read(&documents, fallback.as_ref()).unwrap()
}

/// `null` takes a key away.
pub(super) fn over(mut base: Value, more: Value) -> Value {
    let map = base.as_object_mut().unwrap();
    map.extend(more.as_object().unwrap().clone());
    map.retain(|_, value| !value.is_null());
    base
}

/// One job, and the time it lives in. What it sees is decided and "written" at once.
#[derive(Debug, Clone)]
pub(super) struct Life {
    pub(super) row: Row,
    pub(super) now: Timestamp,
    pub(super) pool_open: bool,
    pub(super) forge: Passage,
    pub(super) rules: Rules,
}

impl Life {
    /// A request that has just arrived, without a row of its past.
    pub(super) fn of(more: Value) -> Self {
        let request = request(more);
        let key = JobKey::for_request(&request, MESSAGE).unwrap();
        let row = Row::new(key, request, Message { id: MESSAGE.to_owned(), sent_at: START }, START);
        Self { row, now: START, pool_open: true, forge: Passage::Open, rules: rules() }
    }

    /// One whose first send is claimed: commit known, report wanted, at `START`.
    pub(super) fn starting(policy_keys: Value) -> Self {
        let mut life = Self::of(json!({"commit": COMMIT}));
        life.see(known(&policy(policy_keys)));
        assert!(matches!(life.row.phase, Phase::Starting { .. }), "{:?}", life.row.phase);
        life
    }

    /// One whose build is known and was told as running.
    pub(super) fn running() -> Self {
        let mut life = Self::starting(json!({}));
        let acts = life.started(1);
        life.tell_all(acts);
        assert_eq!(life.row.status(), Status::Running);
        life
    }

    /// One whose build ended well, and that nobody was told of yet.
    pub(super) fn ended() -> (Self, Vec<Act>) {
        let mut life = Self::running();
        let build = life.build(1, "SUCCEEDED");
        let acts = life.see(described(build));
        (life, acts)
    }

    pub(super) fn see(&mut self, seen: Seen) -> Vec<Act> {
        let situation = Situation { now: self.now, pool_open: self.pool_open, forge: self.forge };
        let Step { mut row, changed, acts } = next(self.row.clone(), seen, situation, &self.rules);
        assert_eq!(changed, row != self.row, "`changed` says what happened");
        row.rev += u64::from(changed);
        self.row = row;
        acts
    }

    pub(super) fn wake(&mut self) -> Vec<Act> {
        self.see(Seen::Woken)
    }

    pub(super) fn wait(&mut self, time: Duration) -> &mut Self {
        self.now = self.now + time;
        self
    }

    /// Waits until the row is due, and wakes it then.
    pub(super) fn wake_when_due(&mut self) -> Vec<Act> {
        self.now = self.now.max(self.row.due_at().expect("the row is due at some time"));
        self.wake()
    }

    pub(super) fn sent(&mut self, answer: SendSeen) -> Vec<Act> {
        let attempt = self.attempt();
        self.see(Seen::Sent { attempt, answer })
    }

    pub(super) fn started(&mut self, number: i64) -> Vec<Act> {
        let build = self.build(number, "IN_PROGRESS");
        self.sent(SendSeen::Started(build))
    }

    pub(super) fn attempt(&self) -> u32 {
        match self.row.phase {
            Phase::Accepted { attempt, .. } | Phase::Starting { attempt, .. } => attempt,
            _ => panic!("no attempt in {:?}", self.row.phase),
        }
    }

    /// A build of this job, as the provider shows it.
    pub(super) fn build(&self, number: i64, status: &str) -> ProviderBuild {
        ProviderBuild {
            id: BuildId::new(format!("builds:{number}")),
            number: Some(number),
            job_id: Some(self.rules.deployment.job_id(&self.row.key)),
            initiator: Some(format!("{OURS}/session-{number}")),
            complete: status != "IN_PROGRESS",
            status: status.to_owned(),
            started_at: Some(START),
            ended_at: (status != "IN_PROGRESS").then(|| START + secs(42)),
            log_url: Some(format!("https://logs.example.org/{number}")),
            failed_phase: None,
        }
    }

    /// Delivers every telling among the acts, and those that follow from it; says what was told.
    pub(super) fn tell_all(&mut self, acts: Vec<Act>) -> Vec<Status> {
        let mut told = Vec::new();
        let mut acts = acts;
        while let Some(Act::Tell { report, claimed, .. }) = acts.pop() {
            told.push(report.status);
            acts = self.see(Seen::Told { claimed, outcome: TellSeen::Delivered });
        }
        told
    }

    /// Lets the forge answer the telling among the acts.
    pub(super) fn answered(&mut self, acts: &[Act], outcome: TellSeen) -> Vec<Act> {
        let claimed = acts
            .iter()
            .find_map(|act| match act {
                Act::Tell { claimed, .. } => Some(*claimed),
                _ => None,
            })
            .unwrap_or_else(|| panic!("nothing is told in {acts:?}"));
        self.see(Seen::Told { claimed, outcome })
    }
}

pub(super) fn known(policy: &Arc<Policy>) -> Seen {
    Seen::Policy(PolicySeen::Known(Arc::clone(policy)))
}

pub(super) fn described(build: ProviderBuild) -> Seen {
    Seen::Described { build, claims_final: false }
}

pub(super) fn commit(text: &str) -> CommitId {
    text.parse().unwrap()
}

pub(super) fn head(policy: &Arc<Policy>, head: HeadSeen) -> Seen {
    Seen::Head { policy: Arc::clone(policy), build_project: "builds".parse().unwrap(), head }
}

/// The token and the input of the send among the acts.
pub(super) fn send(acts: &[Act]) -> Option<(String, String)> {
    acts.iter().find_map(|act| match act {
        Act::StartBuild { input, token, .. } => Some((token.clone(), input.clone())),
        _ => None,
    })
}

pub(super) fn told(acts: &[Act]) -> Option<(Status, String)> {
    acts.iter().find_map(|act| match act {
        Act::Tell { report, .. } => Some((report.status, report.comment.clone())),
        _ => None,
    })
}

pub(super) fn failed_in(phase: &str, message: &str) -> FailedPhase {
    FailedPhase { name: phase.to_owned(), message: message.to_owned() }
}

/// The final status and its text; panics while there is none.
pub(super) fn ending(row: &Row) -> (Status, &str) {
    match &row.phase {
        Phase::Finished { ending, .. } => (ending.status, &ending.text),
        Phase::Rejected { reason, .. } => (Status::Rejected, reason),
        phase => panic!("not over: {phase:?}"),
    }
}
