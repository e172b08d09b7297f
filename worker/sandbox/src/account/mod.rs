//! The sandbox's AWS account: emulator, queues, rules, table, roles, and the keys of each role.
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context;
use doorbell_messages::Request;
use tempfile::TempDir;

use crate::aws::{AwsClient, AwsError};
use crate::credentials::{AccessKey, CredentialsServer, KeyRing, RoleCredentials};
use crate::emulator::Emulator;
use crate::sandbox::{BUILD_PROJECT, PINNED_BUILD_PROJECT, UNPRIVILEGED_BUILD_PROJECT};
use crate::test_ca::TestCa;
use definition::{
    AccountDefinition, DEAD_LETTER_QUEUE, EVENT_QUEUE, JOBS_TABLE, OWNER_ROLE, REGION, TRIGGER_QUEUE, WORKER_ROLE,
    done_topic_arn, topic_arn,
};

mod create;
pub mod definition;
mod policies;
mod queue_messages;
mod queues;
mod registry;
mod rows;
pub(crate) mod start_policy;
mod subscribers;

pub(crate) use create::{IAM_VERSION, SNS_VERSION};
pub use policies::RoleDefinition;
pub use queue_messages::QueueMessage;
pub use queues::QueueDefinition;
pub(crate) use rows::rows;
pub use subscribers::DoneSubscriber;

/// The options of an account.
#[derive(Debug, Clone)]
pub struct SandboxAccountOptions {
    /// The Python interpreter whose path `bin/lib/python.sh` prints.
    pub python: PathBuf,
    /// The settings that differ between installations.
    pub definition: AccountDefinition,
    /// Whether a long poll goes on after its caller disconnected, and takes messages that nothing receives. AWS does
    /// not document it.
    pub hanging_polls: bool,
}

impl SandboxAccountOptions {
    /// The options with prefix `/doorbell` and three build projects: one for branches and tags, one for pull requests,
    /// and one that may be pinned.
    pub fn new(python: impl Into<PathBuf>) -> SandboxAccountOptions {
        let definition = AccountDefinition {
            prefix: "/doorbell".to_owned(),
            build_projects: [BUILD_PROJECT, UNPRIVILEGED_BUILD_PROJECT, PINNED_BUILD_PROJECT]
                .map(str::to_owned)
                .to_vec(),
            done_topic: false,
        };
        SandboxAccountOptions { python: python.into(), definition, hanging_polls: false }
    }
}

/// A running account. Dropping it stops its processes and removes its files.
#[derive(Debug)]
pub struct SandboxAccount {
    emulator: Emulator,
    credentials: CredentialsServer,
    ca: TestCa,
    root: AwsClient,
    key_ring: KeyRing,
    roles: RoleCredentials,
    definition: AccountDefinition,
    publisher: AccessKey,
    queue_urls: BTreeMap<&'static str, String>,
    trust_bundle: PathBuf,
    // Dropped after the emulator, which writes into it.
    dir: TempDir,
}

impl SandboxAccount {
    /// Starts the emulator and creates the account in it, in about a second.
    ///
    /// # Errors
    /// The Python environment is missing, the emulator does not start (the error has its log), or it rejects a
    /// resource.
    pub async fn create(options: SandboxAccountOptions) -> anyhow::Result<SandboxAccount> {
        let dir = tempfile::Builder::new().prefix("doorbell-").tempdir()?;
        let ca = TestCa::new()?;
        let trust_bundle = dir.path().join("ca.pem");
        ca.write_trust_bundle(&trust_bundle)?;
        let emulator = Emulator::start(&options.python, dir.path(), &ca, options.hanging_polls).await?;
        let root = AwsClient::new(emulator.endpoint(), REGION, emulator.root_key(), &ca)?;
        create::check_account(&root).await?;
        let created = create::create_account(&root, &options.definition)
            .await
            .context("cannot create the account in the emulator")?;
        let key_ring = KeyRing::default();
        key_ring.add(created.publisher.clone());
        key_ring.add(emulator.root_key());
        let roles = RoleCredentials::new(root.clone(), definition::ACCOUNT_ID, key_ring.clone());
        let credentials = CredentialsServer::start(roles.clone()).await?;
        Ok(SandboxAccount {
            emulator,
            credentials,
            ca,
            root,
            key_ring,
            roles,
            definition: options.definition,
            publisher: created.publisher,
            queue_urls: created.queue_urls,
            trust_bundle,
            dir,
        })
    }

    /// The endpoint of all services but CodeBuild.
    pub fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// The CA that signs the certificates of all servers of this sandbox.
    pub fn ca(&self) -> &TestCa {
        &self.ca
    }

    /// The file that [`TestCa::write_trust_bundle`] wrote, for `SSL_CERT_FILE`.
    pub fn trust_bundle(&self) -> &Path {
        &self.trust_bundle
    }

    /// A client with the root key; [`AwsClient::with_key`] derives others from it.
    pub fn root(&self) -> &AwsClient {
        &self.root
    }

    /// Every key that this account has issued.
    pub fn key_ring(&self) -> &KeyRing {
        &self.key_ring
    }

    /// The credentials of the account's roles.
    pub fn roles(&self) -> &RoleCredentials {
        &self.roles
    }

    /// The definition that the account was created from.
    pub fn definition(&self) -> &AccountDefinition {
        &self.definition
    }

    /// The directory of the sandbox's files; removed when the account is dropped.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The worker's and the publisher's `DOORBELL_TOPIC_ARN`.
    pub fn topic_arn(&self) -> String {
        topic_arn()
    }

    /// The worker's `DOORBELL_TRIGGER_QUEUE_URL`.
    pub fn trigger_queue_url(&self) -> String {
        self.queue_url(TRIGGER_QUEUE)
    }

    /// The worker's `DOORBELL_EVENT_QUEUE_URL`.
    pub fn event_queue_url(&self) -> String {
        self.queue_url(EVENT_QUEUE)
    }

    /// The worker's `DOORBELL_DLQ_URL`.
    pub fn dead_letter_queue_url(&self) -> String {
        self.queue_url(DEAD_LETTER_QUEUE)
    }

    /// The URL of a queue named in [`definition`]; empty for any other name.
    pub fn queue_url(&self, name: &str) -> String {
        self.queue_urls.get(name).cloned().unwrap_or_default()
    }

    /// The only access key that a third party holds.
    pub fn publisher_key(&self) -> AccessKey {
        self.publisher.clone()
    }

    /// Publishes with the publisher's key; returns SNS's message id.
    pub async fn publish(&self, message: &str) -> Result<String, AwsError> {
        let topic = topic_arn();
        let project = Request::parse(message).map(|request| request.project.to_string());
        let mut params = vec![("TopicArn", topic.as_str()), ("Message", message)];
        params.extend(project.as_deref().ok().map(|project| ("MessageGroupId", project)));
        let publisher = self.root.with_key(self.publisher_key());
        publisher.query("sns", SNS_VERSION, "Publish", &params).await?.required("MessageId")
    }

    /// The environment of a worker as on Fargate; the caller that runs CodeBuild adds `AWS_ENDPOINT_URL_CODEBUILD`.
    pub fn worker_environment(&self) -> BTreeMap<String, String> {
        let done_topic = self.definition.done_topic.then(|| ("DOORBELL_DONE_TOPIC_ARN".to_owned(), done_topic_arn()));
        let role = self.credentials.environment(WORKER_ROLE);
        self.installation_environment().into_iter().chain(done_topic).chain(role).collect()
    }

    /// The environment of the account's owner for `doorbell`; the caller that runs CodeBuild adds its endpoint.
    pub fn owner_environment(&self) -> BTreeMap<String, String> {
        self.installation_environment().into_iter().chain(self.credentials.environment(OWNER_ROLE)).collect()
    }

    fn installation_environment(&self) -> BTreeMap<String, String> {
        let settings = [
            ("DOORBELL_TRIGGER_QUEUE_URL", self.trigger_queue_url()),
            ("DOORBELL_EVENT_QUEUE_URL", self.event_queue_url()),
            ("DOORBELL_DLQ_URL", self.dead_letter_queue_url()),
            ("DOORBELL_TOPIC_ARN", topic_arn()),
            ("DOORBELL_REGISTRY_PREFIX", self.definition.prefix.clone()),
            ("DOORBELL_TABLE", JOBS_TABLE.to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value));
        self.sdk_environment().into_iter().chain(settings).collect()
    }

    /// The environment of a publisher's CI.
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
            ("SSL_CERT_FILE", self.trust_bundle.display().to_string()),
            // On a developer's EC2 machine the SDK would use that machine's role if ours were missing.
            ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}
