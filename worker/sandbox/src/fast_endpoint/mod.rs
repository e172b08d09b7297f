//! AWS and a forge in memory, fast enough to measure what calls them.
//!
//! One HTTPS server answers SQS, DynamoDB, SSM, Secrets Manager, STS, CodeBuild and the flags of a Pagure, as far as
//! workers and the peers of `bin/bench --peers` call them. It checks no signature and no permission: the sandbox's
//! account does. It judges its callers: a second build of a job and a flag that leaves a final status are counted.
mod api_error;
mod builds;
mod counts;
mod dynamodb;
mod expression;
mod md5;
mod owner_data;
mod parameters;
mod queue;
mod rate_limit;
mod requests;
mod router;
mod settings;
mod sqs;
mod state;
mod table;
mod verdict;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::account::definition::{
    ACCOUNT_ID, DEAD_LETTER_QUEUE, EVENT_QUEUE, JOBS_TABLE, REGION, TRIGGER_QUEUE, WORKER_ROLE, iam_arn, topic_arn,
};
use crate::aws::AwsClient;
use crate::credentials::AccessKey;
use crate::server::{LoopbackServer, serve};
use crate::test_ca::TestCa;

pub use counts::CallCounts;
pub use settings::{EndpointFault, EndpointSettings, FaultRule};
pub use verdict::Verdict;

use requests::PROJECT;
use state::{EndpointState, SharedState};

/// A running endpoint. Dropping it stops the server and removes its files.
#[derive(Debug)]
pub struct FastEndpoint {
    state: Arc<SharedState>,
    server: LoopbackServer,
    ca: TestCa,
    dir: TempDir,
}

/// AWS's example key: the endpoint checks no signature.
const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// The interval between checks of a condition.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

impl FastEndpoint {
    /// Starts an endpoint with an empty account and one registered project.
    ///
    /// # Errors
    /// No port is free, or no certificate could be issued.
    pub async fn start(settings: EndpointSettings) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("doorbell-endpoint-").tempdir()?;
        let ca = TestCa::new()?;
        ca.write_trust_bundle(&dir.path().join("ca.pem"))?;
        let reports = settings.reports;
        let state = Arc::new(SharedState::new(EndpointState::new(settings)?));
        let server = serve(router::router(Arc::clone(&state)), &ca).await?;
        let endpoint = Self { state, server, ca, dir };
        endpoint.state.change(|state| requests::register_project(state, PROJECT, &endpoint.server.url, reports));
        Ok(endpoint)
    }

    /// `https://127.0.0.1:<port>`
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// A client of its AWS services.
    ///
    /// # Errors
    /// No HTTPS client can be created.
    pub fn client(&self) -> anyhow::Result<AwsClient> {
        let key = AccessKey {
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: SECRET_ACCESS_KEY.to_owned(),
            session_token: None,
            principal_arn: iam_arn(&format!("role/{WORKER_ROLE}")),
            initiator: owner_data::CALLER.to_owned(),
        };
        AwsClient::new(self.url(), REGION, key, &self.ca)
    }

    /// The certificate of its CA, as PEM.
    pub fn ca_file(&self) -> PathBuf {
        self.dir.path().join("ca.pem")
    }

    /// The directory of its files; callers' logs may lie there.
    pub fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    /// The URL of a queue.
    pub fn queue_url(&self, name: &str) -> String {
        format!("{}/{ACCOUNT_ID}/{name}", self.url())
    }

    /// What every SDK needs to call this endpoint and nothing else.
    pub fn sdk_environment(&self) -> BTreeMap<String, String> {
        let ca = self.ca_file().display().to_string();
        let variables = [
            ("AWS_ENDPOINT_URL", self.url().to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_DEFAULT_REGION", REGION.to_owned()),
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
            ("SSL_CERT_FILE", ca.clone()),
            ("AWS_CA_BUNDLE", ca.clone()),
            ("NODE_EXTRA_CA_CERTS", ca),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// The environment of a worker.
    pub fn worker_environment(&self) -> BTreeMap<String, String> {
        let mut environment = self.sdk_environment();
        let host = self.url().trim_start_matches("https://").to_owned();
        let variables = [
            ("DOORBELL_TRIGGER_QUEUE_URL", self.queue_url(TRIGGER_QUEUE)),
            ("DOORBELL_EVENT_QUEUE_URL", self.queue_url(EVENT_QUEUE)),
            ("DOORBELL_DLQ_URL", self.queue_url(DEAD_LETTER_QUEUE)),
            ("DOORBELL_TOPIC_ARN", topic_arn()),
            ("DOORBELL_TABLE", JOBS_TABLE.to_owned()),
            ("DOORBELL_ALLOW_PRIVATE_FORGES", host),
            ("DOORBELL_HEALTH_ADDR", "127.0.0.1:0".to_owned()),
            ("DOORBELL_LOG_FORMAT", "json".to_owned()),
        ];
        environment.extend(variables.map(|(name, value)| (name.to_owned(), value)));
        environment
    }

    /// Puts requests with these numbers into the trigger queue, as SNS delivers them. Each has a commit of its own.
    pub fn enqueue(&self, numbers: std::ops::Range<usize>) {
        self.state.change(|state| {
            for number in numbers {
                requests::enqueue(state, PROJECT, number);
            }
        });
    }

    /// As [`FastEndpoint::enqueue`], one request for this project.
    pub fn enqueue_for(&self, project: &str, number: usize) {
        self.state.change(|state| requests::enqueue(state, project, number));
    }

    /// Registers a project that reports to no forge.
    pub fn register_project(&self, project: &str) {
        self.state.change(|state| requests::register_project(state, project, &self.server.url, false));
    }

    /// Ends all running builds with success.
    pub fn finish_builds(&self) {
        self.state.change(|state| {
            for id in state.builds.running() {
                builds::finish(state, &id);
            }
        });
    }

    /// Changes the settings of a running endpoint. Token lifetime and build limit stay as at its start.
    pub fn change_settings(&self, change: impl FnOnce(&mut EndpointSettings)) {
        self.state.change(|state| change(&mut state.settings));
    }

    /// The counts since the start, or since [`FastEndpoint::reset_counts`].
    pub fn counts(&self) -> CallCounts {
        self.state.change(|state| state.counts.snapshot())
    }

    /// The first ReceiveMessage since the counts were reset.
    pub fn first_receive(&self) -> Option<Instant> {
        self.state.change(|state| state.counts.first_receive())
    }

    fn last_change(&self) -> Option<Instant> {
        self.state.change(|state| state.counts.last_change())
    }

    /// The number of commits that show `success`.
    pub fn green_flags(&self) -> usize {
        self.state.change(|state| state.flags.successes())
    }

    /// The number of requests with a build.
    pub fn started(&self) -> usize {
        self.state.change(|state| state.starts.len())
    }

    /// Counts from zero.
    pub fn reset_counts(&self) {
        self.state.change(|state| state.counts.reset());
    }

    /// What became of the requests with the numbers below `jobs`.
    pub fn verdict(&self, jobs: usize) -> Verdict {
        self.state.change(|state| verdict::judge(state, jobs))
    }

    /// When the build of each request was first started, by the request's number.
    pub fn starts(&self, jobs: usize) -> Vec<Option<Instant>> {
        self.state.change(|state| {
            let first = |number| state.starts.get(&requests::commit(number)).and_then(|starts| starts.first().copied());
            (0..jobs).map(first).collect()
        })
    }

    /// The time from the first receive of each request's message to its first build, by the request's number.
    pub fn start_delays(&self, jobs: usize) -> Vec<Option<Duration>> {
        let starts = self.starts(jobs);
        self.state.change(|state| {
            let queue = state.queues.get(TRIGGER_QUEUE);
            let receive = |number| queue?.first_receive(*state.messages.get(&requests::commit(number))?);
            let delay = |(number, start): (usize, Option<Instant>)| Some(start?.duration_since(receive(number)?));
            starts.into_iter().enumerate().map(delay).collect()
        })
    }

    /// The number of messages in the trigger queue, those in flight included.
    pub fn trigger_messages(&self) -> usize {
        self.state.change(|state| state.queues.get(TRIGGER_QUEUE).map_or(0, |queue| queue.len()))
    }

    /// The jobs in the ledger.
    pub fn jobs(&self) -> usize {
        self.state.change(|state| state.table.items().filter(|item| item.contains_key("row")).count())
    }

    /// Those that no worker needs to process again.
    pub fn settled_jobs(&self) -> usize {
        let is_settled = |item: &&expression::Item| item.contains_key("row") && item.contains_key("expires_at");
        self.state.change(|state| state.table.items().filter(is_settled).count())
    }

    /// Whether the table has an item with this key.
    pub fn has_item(&self, key: &str) -> bool {
        self.state.change(|state| state.table.get(key).is_some())
    }

    /// Waits until the condition holds; false if it does not within `limit`.
    pub async fn wait_until(&self, limit: Duration, condition: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::now() + limit;
        while !condition(self) {
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        true
    }

    /// Waits until its callers have made no call but polls for `quiet`.
    ///
    /// # Errors
    /// They still do after `limit`.
    pub async fn wait_until_quiet(&self, quiet: Duration, limit: Duration) -> anyhow::Result<()> {
        let is_quiet = |endpoint: &Self| endpoint.last_change().is_none_or(|last| last.elapsed() >= quiet);
        let is_in_time = self.wait_until(limit, is_quiet).await;
        is_in_time.then_some(()).with_context(|| format!("the calls did not end within {limit:?}"))
    }
}
