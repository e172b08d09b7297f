use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use tokio::time::Instant;

use super::counts::EndpointCounts;
use super::owner_data::CALLER;
use super::queue::FastQueue;
use super::rate_limit::RateLimit;
use super::settings::{EndpointFault, EndpointSettings};
use super::table::FastTable;
use crate::account::definition::{
    ACCOUNT_ID, AccountDefinition, DEAD_LETTER_QUEUE, EVENT_QUEUE, JOBS_TABLE, REGION, TRIGGER_QUEUE, arn,
};
use crate::codebuild::{InstantBuildOptions, InstantBuilds};
use crate::forge::FlagBoard;
use crate::sandbox::BUILD_PROJECT;

/// SSM, as its calls name it.
pub(super) const SSM: &str = "AmazonSSM";

/// Everything that the endpoint keeps.
#[derive(Debug)]
pub(super) struct EndpointState {
    pub(super) settings: EndpointSettings,
    pub(super) queues: HashMap<String, FastQueue>,
    pub(super) table_name: String,
    pub(super) table: FastTable,
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) builds: InstantBuilds,
    /// When each commit's builds were started. Every commit is one job's, so a second build is a duplicate.
    pub(super) starts: HashMap<String, Vec<Instant>>,
    /// The first trigger message of each request, by the request's commit.
    pub(super) messages: HashMap<String, u64>,
    pub(super) flags: FlagBoard,
    pub(super) counts: EndpointCounts,
    ssm_rate: RateLimit,
}

impl EndpointState {
    pub(super) fn new(settings: EndpointSettings) -> anyhow::Result<Self> {
        let definition = AccountDefinition {
            prefix: String::new(),
            build_projects: vec![BUILD_PROJECT.to_owned()],
            done_topic: false,
        };
        let builds = InstantBuilds::new(InstantBuildOptions {
            project: BUILD_PROJECT.to_owned(),
            region: REGION.to_owned(),
            account: ACCOUNT_ID.to_owned(),
            initiator: CALLER.to_owned(),
            token_lifetime: settings.token_lifetime,
            concurrent_builds: settings.concurrent_builds,
        })?;
        let queues = [TRIGGER_QUEUE, EVENT_QUEUE, DEAD_LETTER_QUEUE];
        Ok(Self {
            settings,
            queues: queues.map(|name| (name.to_owned(), FastQueue::default())).into(),
            table_name: JOBS_TABLE.to_owned(),
            table: FastTable::new(&definition.table(), &arn("dynamodb", &format!("table/{JOBS_TABLE}")))?,
            parameters: BTreeMap::new(),
            secrets: BTreeMap::new(),
            builds,
            starts: HashMap::new(),
            messages: HashMap::new(),
            flags: FlagBoard::default(),
            counts: EndpointCounts::default(),
            ssm_rate: RateLimit::default(),
        })
    }

    /// Counts a call and returns the fault with which it fails: that of a quota, or that of a rule.
    pub(super) fn record_call(&mut self, service: &str, operation: &str) -> Option<EndpointFault> {
        let number = self.counts.record_call(operation);
        let max = self.settings.ssm_calls_per_second.filter(|_| service == SSM);
        if max.is_some_and(|max| !self.ssm_rate.admits(max, Instant::now())) {
            self.counts.record_throttled();
            return Some(EndpointFault::Throttled);
        }
        let rule = self.settings.faults.iter().find(|rule| rule.applies(operation, number))?;
        self.counts.record_fault();
        Some(rule.fault)
    }

    /// Puts a build's event on the event queue, in the form in which EventBridge delivers it.
    pub(super) fn deliver_event(&mut self, entry: &Value) {
        if let Some(queue) = self.queues.get_mut(EVENT_QUEUE) {
            queue.send(delivered_event(entry));
        }
    }
}

/// An entry of PutEvents as a rule's target receives it. The detail is JSON already.
fn delivered_event(entry: &Value) -> String {
    let at = crate::now_in_iso_8601();
    let (kind, resources) = (&entry["DetailType"], &entry["Resources"]);
    let detail = entry["Detail"].as_str().unwrap_or("{}");
    format!(
        "{{\"version\":\"0\",\"id\":\"00000000-0000-4000-8000-000000000000\",\"detail-type\":{kind},\
         \"source\":\"aws.codebuild\",\"account\":\"{ACCOUNT_ID}\",\"time\":\"{at}\",\"region\":\"{REGION}\",\
         \"resources\":{resources},\"detail\":{detail}}}"
    )
}

/// The state, behind a lock that is never held across an await.
#[derive(Debug)]
pub(super) struct SharedState(Mutex<EndpointState>);

impl SharedState {
    pub(super) fn new(state: EndpointState) -> Self {
        Self(Mutex::new(state))
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut EndpointState) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn settings(&self) -> EndpointSettings {
        self.change(|state| state.settings.clone())
    }
}
