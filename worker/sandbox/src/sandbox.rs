//! The sandbox: the account, CodeBuild, a forge, and the product's own programs, on one machine.
mod build_projects;
mod commands;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::account::definition::{ACCOUNT_ID, BUILD_ROLE, REGION, UNPRIVILEGED_BUILD_ROLE};
use crate::account::{SandboxAccount, SandboxAccountOptions};
use crate::aws::AwsClient;
use crate::codebuild::{
    BuildCredentials, BuildSnapshot, CodeBuildOptions, CodeBuildServer, CodeBuildSettings, EmulatedServices,
};
use crate::forge::{ForgeOptions, ForgeServer, TokenScope};
use crate::git_host::GitRepository;
use crate::job::Job;
use crate::programs::Programs;
use crate::worker_process::WorkerProcess;

pub use build_projects::PINNED_BUILD_PROJECT;
pub use commands::CommandOutput;

/// The options of a sandbox.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// The product's binaries.
    pub programs: Programs,
    /// The Python interpreter whose path `bin/lib/python.sh` prints.
    pub python: PathBuf,
    /// The registry's prefix in SSM.
    pub prefix: String,
    /// CodeBuild's limits and behavior.
    pub codebuild: CodeBuildSettings,
    /// The build project's limit of concurrent builds; CodeBuild rejects builds beyond it.
    pub concurrent_builds: Option<u32>,
    /// The buildspec: it starts the runner, unless a measurement needs builds that cost nothing.
    pub buildspec: String,
    /// See [`SandboxAccountOptions::hanging_polls`].
    pub hanging_polls: bool,
    /// Whether the installation has a topic of done events.
    pub done_topic: bool,
}

impl SandboxOptions {
    /// The default options.
    pub fn new(programs: Programs, python: PathBuf) -> Self {
        Self {
            programs,
            python,
            prefix: "/doorbell".to_owned(),
            codebuild: CodeBuildSettings::default(),
            concurrent_builds: None,
            buildspec: RUNNER_BUILDSPEC.to_owned(),
            hanging_polls: false,
            done_topic: false,
        }
    }
}

/// A running sandbox. Dropping it stops its processes and removes its files.
#[derive(Debug)]
pub struct Sandbox {
    // Fields are dropped in this order: a component is dropped before those that it calls.
    pub codebuild: CodeBuildServer,
    pub forge: ForgeServer,
    pub account: SandboxAccount,
    report_token: String,
    programs: Programs,
    workers: AtomicU32,
}

/// The build project of branches and tags.
pub const BUILD_PROJECT: &str = "doorbell-build";
/// The build project of pull requests.
pub const UNPRIVILEGED_BUILD_PROJECT: &str = "doorbell-build-unprivileged";

/// The secret that holds the forge's token.
const REPORT_TOKEN_SECRET: &str = "doorbell/report/forge";

/// The interval between reads of the ledger while waiting.
const POLL_INTERVAL: Duration = Duration::from_millis(40);

impl Sandbox {
    /// Starts all components but a worker.
    ///
    /// # Errors
    /// A component could not start.
    pub async fn start(options: SandboxOptions) -> anyhow::Result<Self> {
        let mut account_options = SandboxAccountOptions::new(options.python);
        account_options.definition.prefix = options.prefix;
        account_options.definition.done_topic = options.done_topic;
        account_options.hanging_polls = options.hanging_polls;
        let account = SandboxAccount::create(account_options).await?;
        let forge = ForgeServer::start(ForgeOptions { ca: account.ca(), dir: account.dir().join("forge") }).await?;
        let report_token = forge.create_token(TokenScope::Any, &["commit_flag"]);
        account.put_secret(REPORT_TOKEN_SECRET, &report_token).await?;
        let codebuild = start_codebuild(&account, &options.programs, options.codebuild).await?;
        let sandbox =
            Self { codebuild, forge, account, report_token, programs: options.programs, workers: AtomicU32::new(0) };
        sandbox.create_build_project(BUILD_PROJECT, BUILD_ROLE, &options.buildspec, options.concurrent_builds).await?;
        sandbox
            .create_build_project(UNPRIVILEGED_BUILD_PROJECT, UNPRIVILEGED_BUILD_ROLE, &options.buildspec, None)
            .await?;
        Ok(sandbox)
    }

    /// The token with which the worker reports, as created at the sandbox's start.
    pub fn report_token(&self) -> &str {
        &self.report_token
    }

    /// A client of CodeBuild with a key of this sandbox.
    ///
    /// # Errors
    /// No HTTPS client can be created.
    pub fn codebuild_client(&self, key: crate::credentials::AccessKey) -> anyhow::Result<AwsClient> {
        AwsClient::new(self.codebuild.url(), REGION, key, self.account.ca())
    }

    /// The environment of a worker.
    pub fn worker_environment(&self) -> BTreeMap<String, String> {
        let forge = self.forge.url().trim_start_matches("https://").to_owned();
        let more = [
            ("AWS_ENDPOINT_URL_CODEBUILD", self.codebuild.url().to_owned()),
            ("DOORBELL_ALLOW_PRIVATE_FORGES", forge),
            ("DOORBELL_HEALTH_ADDR", "127.0.0.1:0".to_owned()),
            ("DOORBELL_LOG_FORMAT", "json".to_owned()),
            ("DOORBELL_SWEEP_INTERVAL", "500ms".to_owned()),
        ];
        let mut environment = self.account.worker_environment();
        environment.extend(more.map(|(name, value)| (name.to_owned(), value)));
        environment
    }

    /// Starts a worker; `more` overrides [`Sandbox::worker_environment`].
    ///
    /// # Errors
    /// It could not start.
    pub async fn start_worker(&self, more: &[(&str, &str)]) -> anyhow::Result<WorkerProcess> {
        WorkerProcess::start(&self.programs.worker(), &self.worker_environment_with(more), self.next_log()).await
    }

    /// As [`Sandbox::start_worker`], without waiting until it is up.
    ///
    /// # Errors
    /// It could not start.
    pub fn launch_worker(&self, more: &[(&str, &str)]) -> anyhow::Result<WorkerProcess> {
        WorkerProcess::launch(&self.programs.worker(), &self.worker_environment_with(more), self.next_log())
    }

    fn worker_environment_with(&self, more: &[(&str, &str)]) -> BTreeMap<String, String> {
        let mut environment = self.worker_environment();
        environment.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        environment
    }

    fn next_log(&self) -> PathBuf {
        let number = self.workers.fetch_add(1, Ordering::Relaxed) + 1;
        self.account.dir().join(format!("worker-{number}.log"))
    }

    /// A registry document for a repository of this forge, with reports to it.
    pub fn registry_document(&self, repository: &GitRepository, command: &Value) -> Value {
        json!({
            "gitUrl": repository.url(),
            "command": command,
            "refs": ["heads/*", "tags/*"],
            "buildProject": BUILD_PROJECT,
            "timeoutMinutes": 5,
            "reportTo": {
                "type": "pagure",
                "url": self.forge.url(),
                "repo": repository.name(),
                "tokenSecret": REPORT_TOKEN_SECRET,
            },
        })
    }

    /// Writes a registry document.
    ///
    /// # Errors
    /// SSM rejected it.
    pub async fn register_project(&self, project: &str, document: &Value) -> anyhow::Result<()> {
        Ok(self.account.put_parameter(project, &document.to_string()).await?)
    }

    /// All jobs.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn jobs(&self) -> anyhow::Result<Vec<Job>> {
        Ok(self.account.rows().await?.iter().map(Job::from_item).collect())
    }

    /// One job.
    ///
    /// # Errors
    /// The table cannot be read.
    pub async fn job(&self, key: &str) -> anyhow::Result<Option<Job>> {
        Ok(self.jobs().await?.into_iter().find(|job| job.key() == key))
    }

    /// Waits until a job fulfills the condition.
    ///
    /// # Errors
    /// It does not within `limit`; the error shows the job.
    pub async fn wait_for_job(&self, key: &str, limit: Duration, wanted: impl Fn(&Job) -> bool) -> anyhow::Result<Job> {
        let deadline = Instant::now() + limit;
        loop {
            let job = self.job(key).await?;
            match job {
                Some(job) if wanted(&job) => return Ok(job),
                job if Instant::now() > deadline => {
                    bail!("the job {key} does not fulfill the condition after {limit:?}: {job:#?}")
                }
                _ => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    }

    /// Waits until a job is settled.
    ///
    /// # Errors
    /// As [`Sandbox::wait_for_job`].
    pub async fn wait_until_settled(&self, key: &str, limit: Duration) -> anyhow::Result<Job> {
        self.wait_for_job(key, limit, Job::is_settled).await
    }

    /// The builds of a job.
    pub fn builds_of(&self, key: &str) -> Vec<BuildSnapshot> {
        let is_of = |build: &BuildSnapshot| build.job_id.as_ref().is_some_and(|id| id.ends_with(&format!(":{key}")));
        self.codebuild.controls.builds().into_iter().filter(is_of).collect()
    }

    /// The product's binaries.
    pub fn programs(&self) -> &Programs {
        &self.programs
    }
}

/// The buildspec of every build project: it starts the runner and is never overridden.
pub const RUNNER_BUILDSPEC: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - doorbell-runner\n";

async fn start_codebuild(
    account: &SandboxAccount,
    programs: &Programs,
    settings: CodeBuildSettings,
) -> anyhow::Result<CodeBuildServer> {
    let work_dir = account.dir().join("builds");
    std::fs::create_dir_all(&work_dir).with_context(|| format!("cannot create {}", work_dir.display()))?;
    let bundle = account.trust_bundle().display().to_string();
    CodeBuildServer::start(CodeBuildOptions {
        region: REGION.to_owned(),
        account: ACCOUNT_ID.to_owned(),
        services: Arc::new(EmulatedServices::new(account.root().clone())),
        keys: account.key_ring().clone(),
        ca: account.ca().clone(),
        work_dir,
        path_dirs: vec![absolute(programs.dir())?],
        environment: BTreeMap::from([("SSL_CERT_FILE".to_owned(), bundle)]),
        image: None,
        build_credentials: BuildCredentials::Endpoint,
        settings,
    })
    .await
}

fn absolute(dir: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(dir).with_context(|| format!("{} has no absolute path", dir.display()))
}
