//! The account in which the journey happens: emulator, queues, rules, table, roles, and the keys of each role.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::TempDir;

use crate::authority::Authority;
use crate::aws::{AwsClient, AwsError};
use crate::credentials::{CredentialsServer, Key, KeyRing, Roles};
use crate::emulator::Emulator;
use account::{Account, DEAD_LETTERS, EVENTS, OWNER, REGION, TABLE, TRIGGERS, WORKER, topic_arn};

pub mod account;
mod build;
mod policies;
mod queue_messages;
mod queues;
mod registry;
mod rows;

pub(crate) use build::{IAM_VERSION, SNS_VERSION};
pub use policies::Role;
pub use queue_messages::Message;
pub use queues::Queue;
pub(crate) use rows::rows;

/// What a world is made of.
#[derive(Debug, Clone)]
pub struct WorldOptions {
    /// The Python that `bin/lib/python.sh` prints.
    pub python: PathBuf,
    /// What differs between installations.
    pub account: Account,
    /// Whether a long poll goes on when its caller has gone, and takes messages for nobody. AWS does not say.
    pub hanging_polls: bool,
}

impl WorldOptions {
    /// The prefix `/doorbell` and two build projects, for branches and for pull requests.
    pub fn new(python: impl Into<PathBuf>) -> WorldOptions {
        let account = Account {
            prefix: "/doorbell".to_owned(),
            build_projects: vec!["doorbell-build".to_owned(), "doorbell-build-unprivileged".to_owned()],
        };
        WorldOptions { python: python.into(), account, hanging_polls: false }
    }
}

/// A running account. All of it ends, and its files go, when this is dropped.
#[derive(Debug)]
pub struct World {
    emulator: Emulator,
    credentials: CredentialsServer,
    authority: Authority,
    root: AwsClient,
    ring: KeyRing,
    roles: Roles,
    account: Account,
    publisher: Key,
    queue_urls: BTreeMap<&'static str, String>,
    bundle: PathBuf,
    // After the emulator, which writes into it.
    dir: TempDir,
}

impl World {
    /// Starts the emulator and creates the account in it: about a second.
    ///
    /// # Errors
    /// The Python environment is missing, the emulator does not start (its log is in the error), or it refuses a part
    /// of the account.
    pub async fn build(options: WorldOptions) -> anyhow::Result<World> {
        let dir = tempfile::Builder::new().prefix("doorbell-").tempdir()?;
        let authority = Authority::new()?;
        let bundle = dir.path().join("authority.pem");
        authority.write_bundle(&bundle)?;
        let emulator = Emulator::start(&options.python, dir.path(), &authority, options.hanging_polls).await?;
        let root = AwsClient::new(emulator.endpoint(), REGION, emulator.root_key(), &authority)?;
        build::check_account(&root).await?;
        let built = build::build(&root, &options.account).await.context("cannot create the account in the emulator")?;
        let ring = KeyRing::default();
        ring.add(built.publisher.clone());
        ring.add(emulator.root_key());
        let roles = Roles::new(root.clone(), account::ACCOUNT_ID, ring.clone());
        let credentials = CredentialsServer::start(roles.clone()).await?;
        Ok(World {
            emulator,
            credentials,
            authority,
            root,
            ring,
            roles,
            account: options.account,
            publisher: built.publisher,
            queue_urls: built.queue_urls,
            bundle,
            dir,
        })
    }

    /// Where all services but CodeBuild are.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// Whom every server of this world is certified by.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Where [`Authority::write_bundle`] has written, for `SSL_CERT_FILE`.
    pub fn trust_bundle(&self) -> &Path {
        &self.bundle
    }

    /// A client with the root key; [`AwsClient::with_key`] makes others of it.
    pub fn root(&self) -> &AwsClient {
        &self.root
    }

    /// Every key that this world has handed out.
    pub fn key_ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Keys of the account's roles.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// What the account was made from.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// For files that must go when the world goes.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The worker's and the publisher's `DOORBELL_TOPIC_ARN`.
    pub fn topic_arn(&self) -> String {
        topic_arn()
    }

    /// The worker's `DOORBELL_TRIGGER_QUEUE_URL`.
    pub fn trigger_queue_url(&self) -> String {
        self.queue_url(TRIGGERS)
    }

    /// The worker's `DOORBELL_EVENT_QUEUE_URL`.
    pub fn event_queue_url(&self) -> String {
        self.queue_url(EVENTS)
    }

    /// The worker's `DOORBELL_DLQ_URL`.
    pub fn dead_letter_queue_url(&self) -> String {
        self.queue_url(DEAD_LETTERS)
    }

    /// Of a queue named in [`account`]; empty for any other name.
    pub fn queue_url(&self, name: &str) -> String {
        self.queue_urls.get(name).cloned().unwrap_or_default()
    }

    /// The one key that leaves the account.
    pub fn publisher_key(&self) -> Key {
        self.publisher.clone()
    }

    /// Publishes with the publisher's key; answers SNS's message id.
    pub async fn publish(&self, message: &str) -> Result<String, AwsError> {
        let topic = topic_arn();
        let params = [("TopicArn", topic.as_str()), ("Message", message)];
        let publisher = self.root.with_key(self.publisher_key());
        publisher.query("sns", SNS_VERSION, "Publish", &params).await?.required("MessageId")
    }

    /// All that a worker is told on Fargate; whoever runs CodeBuild adds `AWS_ENDPOINT_URL_CODEBUILD`.
    pub fn worker_environment(&self) -> BTreeMap<String, String> {
        self.installation().into_iter().chain(self.credentials.environment(WORKER)).collect()
    }

    /// All that the account's owner has set when `doorbell` runs; whoever runs CodeBuild adds its endpoint.
    pub fn owner_environment(&self) -> BTreeMap<String, String> {
        self.installation().into_iter().chain(self.credentials.environment(OWNER)).collect()
    }

    fn installation(&self) -> BTreeMap<String, String> {
        let settings = [
            ("DOORBELL_TRIGGER_QUEUE_URL", self.trigger_queue_url()),
            ("DOORBELL_EVENT_QUEUE_URL", self.event_queue_url()),
            ("DOORBELL_DLQ_URL", self.dead_letter_queue_url()),
            ("DOORBELL_TOPIC_ARN", topic_arn()),
            ("DOORBELL_REGISTRY_PREFIX", self.account.prefix.clone()),
            ("DOORBELL_TABLE", TABLE.to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value));
        self.sdk_environment().into_iter().chain(settings).collect()
    }

    /// All that a publisher's CI is told.
    pub fn publisher_environment(&self) -> BTreeMap<String, String> {
        let settings = [
            ("DOORBELL_TOPIC_ARN", topic_arn()),
            ("AWS_ACCESS_KEY_ID", self.publisher.access_key_id.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.publisher.secret_access_key.clone()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value));
        self.sdk_environment().into_iter().chain(settings).collect()
    }

    fn sdk_environment(&self) -> BTreeMap<String, String> {
        [
            ("AWS_ENDPOINT_URL", self.emulator.endpoint().to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("SSL_CERT_FILE", self.bundle.display().to_string()),
            // On a developer's EC2 machine the SDK would take that machine's role, should ours be missing.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}
