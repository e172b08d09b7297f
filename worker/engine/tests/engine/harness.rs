use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use doorbell_engine::domain::{InstallationId, JobConfig, ProviderBuild, Row};
use doorbell_engine::{Engine, EngineConfig};
use doorbell_messages::{BuildId, JobKey, Request, Status};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fakes::{
    FakeServices, FlagWrite, PROFILE, QueueKind, SimulatedProcess, SimulatedQueue, SimulatedWorker, document, lock,
};

pub const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:doorbell";
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// Longer than a token's window, the search, a repeated start and a build together.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(3 * 60 * 60);

pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// One simulated run: the services, the workers, and the invariants at its end.
pub struct Simulation {
    pub services: Arc<FakeServices>,
    published: AtomicU32,
    /// The limit of the installation's builds, for workers that start.
    pub max_builds: Option<u32>,
    /// Whether the installation has a topic of done events, for workers that start.
    pub publishes_done_events: bool,
}

/// A worker's task, running or ended.
pub struct RunningWorker {
    pub process: Arc<SimulatedProcess>,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

impl Simulation {
    pub fn new() -> Self {
        Self {
            services: FakeServices::new(),
            published: AtomicU32::new(0),
            max_builds: None,
            publishes_done_events: false,
        }
    }

    pub fn start_worker(&self, name: &str) -> RunningWorker {
        self.start_worker_with_schema(name, 1)
    }

    /// Starts a worker that reads and writes rows of this schema.
    pub fn start_worker_with_schema(&self, name: &str, schema: u32) -> RunningWorker {
        let process = Arc::new(SimulatedProcess::new(name, schema));
        let worker = SimulatedWorker { services: Arc::clone(&self.services), process: Arc::clone(&process) };
        let mut config = EngineConfig { max_builds: self.max_builds, ..config(name) };
        config.jobs.publishes_done_events = self.publishes_done_events;
        let engine = Engine::new(worker.clone(), config);
        let stop = CancellationToken::new();
        let queues = [QueueKind::Triggers, QueueKind::Events].map(|which| SimulatedQueue(worker.clone(), which));
        let [triggers, events] = queues;
        let task = tokio::spawn(engine.run(triggers, events, stop.clone()));
        RunningWorker { process, stop, task }
    }

    /// Registers a project: the base document with other keys added or replaced.
    pub fn register(&self, name: &str, more: Value) {
        lock(&self.services.registry).projects.insert(name.to_owned(), document(more));
    }

    /// Publishes a request: the base one with other fields added, replaced, or taken away by `null`.
    pub fn publish(&self, more: Value) -> JobKey {
        let (key, body) = self.request_message(more);
        self.services.triggers.send(body);
        key
    }

    /// A request in SNS's envelope, not published yet.
    pub fn request_message(&self, more: Value) -> (JobKey, String) {
        let number = self.published.fetch_add(1, Ordering::Relaxed);
        let id = format!("00000000-0000-4000-8000-{number:012}");
        let mut request = json!({"project": "demo", "branch": "main", "commit": COMMIT});
        request.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        request.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let parsed = Request::parse(&request.to_string()).unwrap();
        (JobKey::for_request(&parsed, &id).unwrap(), self.envelope(&id, TOPIC, &request.to_string()))
    }

    pub fn envelope(&self, id: &str, topic: &str, message: &str) -> String {
        json!({
            "Type": "Notification", "MessageId": id, "TopicArn": topic, "Message": message,
            "Timestamp": self.services.now().to_string(),
        })
        .to_string()
    }

    /// Waits until the condition holds; panics after [`SETTLE_TIMEOUT`].
    pub async fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let mut waited = Duration::ZERO;
        while !is_so(self) {
            assert!(waited < SETTLE_TIMEOUT, "timeout of {SETTLE_TIMEOUT:?}: {what}; rows: {:#?}", self.rows());
            tokio::time::sleep(secs(1)).await;
            waited += secs(1);
        }
    }

    /// Waits until all jobs are settled, and checks the invariants.
    pub async fn wait_settled(&self) {
        self.wait_until("all jobs are settled and all messages gone", |simulation| {
            simulation.services.triggers.len() == 0 && lock(&simulation.services.ledger).all_finished()
        })
        .await;
        // Delayed calls may still arrive.
        tokio::time::sleep(secs(600)).await;
        self.check_invariants();
    }

    /// Checks that the subscriber got the done event of each job that owes one, no other, and the same bytes each time.
    fn check_done_events(&self) {
        let mut received = lock(&self.services.topic).received.clone();
        for row in self.rows() {
            let deliveries = received.remove(&installation().done_event_id(&row.key)).unwrap_or_default();
            let published = row.done_event.as_ref().and_then(|state| state.published_at);
            let is_owed = row.done_event.is_some() && row.quarantined.is_none() && published.is_some();
            assert!(!is_owed || !deliveries.is_empty(), "no subscriber got its event: {row:#?}");
            assert!(deliveries.is_empty() || row.done_event.is_some(), "{deliveries:#?} of {row:#?}");
            assert!(deliveries.windows(2).all(|pair| pair[0].1 == pair[1].1), "{deliveries:#?}");
            let status = format!("\"status\":\"{}\"", row.status());
            assert!(deliveries.iter().all(|(_, json)| json.contains(&status)), "{deliveries:#?} of {row:#?}");
        }
        assert!(received.is_empty(), "events of no job: {received:#?}");
    }

    /// Checks the design's invariants that a simulation can observe.
    pub fn check_invariants(&self) {
        assert_eq!(*lock(&self.services.violations), [""; 0]);
        self.check_done_events();
        let installation = installation();
        for row in self.rows() {
            assert!(row.due_at().is_none(), "not finished: {row:#?}");
            assert!(row.settled_at.is_some() || row.quarantined.is_some(), "not finished: {row:#?}");
            assert!(self.own_builds(&row.key).len() <= 1, "{:#?}", self.own_builds(&row.key));
            let Some(entry) = row.reports.first().filter(|_| row.settled_at.is_some()) else { continue };
            let target = &entry.target;
            assert_eq!(target.external_id, installation.external_id(&row.key));
            let flags = self.flags(&row.key);
            assert_eq!(flags.last().map(|flag| flag.status), Some(row.status()), "{flags:#?}");
            assert!(flags.iter().all(|flag| flag.commit == target.commit));
        }
    }

    pub fn rows(&self) -> Vec<Row> {
        lock(&self.services.ledger).rows()
    }

    pub fn row(&self, key: &JobKey) -> Row {
        self.rows().into_iter().find(|row| row.key == *key).unwrap_or_else(|| panic!("no row {key}"))
    }

    /// The builds that this installation's workers started for a job.
    pub fn own_builds(&self, key: &JobKey) -> Vec<ProviderBuild> {
        let job_id = installation().job_id(key);
        let builds = lock(&self.services.provider).builds(self.services.now());
        let is_own = |build: &ProviderBuild| build.job_id.as_ref() == Some(&job_id) && build.is_own;
        builds.into_iter().filter(is_own).collect()
    }

    pub fn only_build(&self, key: &JobKey) -> BuildId {
        let builds = self.own_builds(key);
        assert_eq!(builds.len(), 1, "{builds:#?}");
        builds[0].id.clone()
    }

    /// The writes of a job's flag, in the order in which the forge committed them.
    pub fn flags(&self, key: &JobKey) -> Vec<FlagWrite> {
        let uid = installation().external_id(key);
        lock(&self.services.forge).history.iter().filter(|flag| flag.uid == uid).cloned().collect()
    }

    pub fn reported(&self, key: &JobKey) -> Vec<Status> {
        self.flags(key).iter().map(|flag| flag.status).collect()
    }

    /// The number of jobs with each status.
    pub fn status_counts(&self) -> BTreeMap<&'static str, usize> {
        self.rows().iter().fold(BTreeMap::new(), |mut counts, row| {
            *counts.entry(row.status().as_str()).or_default() += 1;
            counts
        })
    }
}

pub fn installation() -> InstallationId {
    InstallationId::from_ledger_arn("arn:aws:dynamodb:eu-west-1:123456789012:table/doorbell")
}

fn config(name: &str) -> EngineConfig {
    EngineConfig {
        jobs: JobConfig {
            installation: installation(),
            provider: PROFILE,
            max_request_age: secs(72 * 3600),
            queue_timeout: secs(24 * 3600),
            build_poll_interval: secs(60),
            publishes_done_events: false,
            console_url: "https://console.example.org/projects".to_owned(),
        },
        topic_arn: TOPIC.to_owned(),
        fallback_build_project: None,
        max_in_flight: 100,
        max_builds: None,
        sweep_interval: secs(5),
        instance: name.to_owned(),
    }
}
