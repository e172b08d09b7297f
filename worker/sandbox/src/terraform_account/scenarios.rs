//! Scenarios in the account that Terraform created: the worker with its own role, the publisher with its key.
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::fixture::BareEnvironment;
use super::terraform::TerraformState;
use super::worker::start_worker;
use crate::account::definition::iam_arn;
use crate::account::{IAM_VERSION, SNS_VERSION, rows};
use crate::backdate::backdate_row;
use crate::codebuild::EventMode;
use crate::credentials::AccessKey;
use crate::forge::TokenScope;
use crate::git_host::EXECUTABLE_FILE;
use crate::job::Job;
use crate::worker_process::WorkerProcess;

/// The timeout of one job on a busy machine.
pub(super) const JOB_TIMEOUT: Duration = Duration::from_secs(60);
/// The interval between reads of the ledger.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// Longer than a token is repeated, and longer than CodeBuild's own five minutes.
const PAST_TOKEN_EXPIRY: Duration = Duration::from_secs(6 * 60);

/// The example `complete`'s name of the secret that holds the forge's token.
const REPORT_SECRET: &str = "doorbell/report/demo";
/// The user of the example's publisher with an access key.
const PUBLISHER: &str = "doorbell-publisher-pagure";

/// The example runs it with the argument `deploy` and lets requests set STAGE.
const SCRIPT: &str = "#!/bin/sh\necho \"$1 at $DOORBELL_COMMIT\"\n[ \"${STAGE:-}\" != slow ] || exec sleep 300\n";

/// The account in use: a repository with a script, the forge's token, and the publisher's key.
pub(super) struct TerraformScenarios<'a> {
    pub(super) fixture: &'a BareEnvironment,
    pub(super) terraform_state: &'a TerraformState,
    /// The commit of the branch `main`.
    pub(super) commit: String,
    publisher: AccessKey,
    token: String,
}

impl<'a> TerraformScenarios<'a> {
    /// Does what the owner does after an apply.
    ///
    /// # Errors
    /// A call failed.
    pub(super) async fn prepare(
        fixture: &'a BareEnvironment,
        terraform_state: &'a TerraformState,
    ) -> anyhow::Result<Self> {
        let repository = fixture.forge.create_repository("demo").await?;
        let commit = repository.commit("main", &[("ci.sh", EXECUTABLE_FILE, SCRIPT)], "A script").await?;
        // Created manually, as the owner does: Terraform manages no secret value.
        let token = fixture.forge.create_token(TokenScope::Any, &["commit_flag"]);
        let secret = json!({ "Name": REPORT_SECRET, "SecretString": token });
        fixture.root.json("secretsmanager", "secretsmanager.CreateSecret", secret).await?;
        let publisher = create_publisher_key(fixture).await?;
        Ok(Self { fixture, terraform_state, commit: commit.as_str().to_owned(), publisher, token })
    }

    /// Runs four jobs and sends an invalid message, which together use all of the worker's permissions.
    ///
    /// # Errors
    /// A job did not end as expected.
    pub(super) async fn run(&self) -> anyhow::Result<()> {
        let worker = self.start_worker("worker-1", &[]).await?;
        self.run_passing_job().await?;
        self.run_canceled_job().await?;
        self.send_invalid_message().await?;
        self.run_job_after_worker_crash(worker).await
    }

    /// The secrets that were used.
    pub(super) fn secrets(&self) -> Vec<String> {
        let root = self.fixture.emulator.root_key().secret_access_key;
        vec![self.token.clone(), self.publisher.secret_access_key.clone(), root]
    }

    /// The forge forgets the token, as if it had expired.
    pub(super) fn revoke_token(&self) {
        self.fixture.forge.revoke(&self.token);
    }

    async fn run_passing_job(&self) -> anyhow::Result<()> {
        let key = self.trigger(&["demo", "main"]).await?;
        self.wait_until_settled(&key, "success").await?;
        self.check_flag("success")?;
        println!("job: its build succeeded, its flag shows success");
        Ok(())
    }

    async fn run_canceled_job(&self) -> anyhow::Result<()> {
        let slow = ["demo", "main", "--id", "slow", "--var", "STAGE=slow"];
        let key = self.trigger(&slow).await?;
        self.wait_for_job(&key, "running", |job| job.phase() == "running").await?;
        self.trigger(&[slow.as_slice(), &["--cancel"]].concat()).await?;
        self.wait_until_settled(&key, "canceled").await?;
        println!("canceled job: its build was stopped");
        Ok(())
    }

    /// The publisher can publish anything; an invalid message goes to the dead-letter queue.
    async fn send_invalid_message(&self) -> anyhow::Result<()> {
        self.publish("no request").await?;
        let queue = self.queue_url("dead-letters");
        let body = json!({ "QueueUrl": queue, "WaitTimeSeconds": 20 });
        let response = self.fixture.root.json("sqs", "AmazonSQS.ReceiveMessage", body).await?;
        let dead_letter = response["Messages"][0]["Body"].as_str().unwrap_or_default();
        ensure!(dead_letter.contains("reason"), "the invalid message is not in the dead-letter queue: {response}");
        println!("invalid message: sent to the dead-letter queue with its reason");
        Ok(())
    }

    /// A worker is killed between StartBuild and its response. The token has expired and no event arrives, so the next
    /// worker must search.
    async fn run_job_after_worker_crash(&self, worker: WorkerProcess) -> anyhow::Result<()> {
        let controls = &self.fixture.codebuild.controls;
        controls.set_event_mode(EventMode { lose_percent: 100, ..EventMode::default() });
        controls.hold_replies("StartBuild");
        let key = self.trigger(&["demo", "main"]).await?;
        timeout(JOB_TIMEOUT, controls.wait_until_held(1)).await.context("StartBuild was not called")?;
        worker.kill().await?;
        controls.release_replies();
        controls.expire_tokens();
        backdate_row(&self.fixture.root, &key, PAST_TOKEN_EXPIRY).await?;
        let worker = self.start_worker("worker-2", &[("DOORBELL_BUILD_POLL_INTERVAL", "1s")]).await?;
        self.wait_until_settled(&key, "success").await?;
        let builds = controls.builds();
        let is_of = |id: &Option<String>| id.as_ref().is_some_and(|id| id.ends_with(&format!(":{key}")));
        let builds = builds.iter().filter(|build| is_of(&build.job_id)).count();
        ensure!(builds == 1, "the job had {builds} builds, not one");
        worker.terminate(JOB_TIMEOUT).await?;
        println!("job of a killed worker: another worker found its build");
        Ok(())
    }

    pub(super) async fn start_worker(&self, log: &str, more: &[(&str, &str)]) -> anyhow::Result<WorkerProcess> {
        start_worker(self.fixture, self.terraform_state, log, more).await
    }

    pub(super) fn queue_url(&self, queue: &str) -> &str {
        self.terraform_state.output("queue_urls")[queue].as_str().unwrap_or_default()
    }

    /// Waits until a queue has so many visible messages, which stay in it.
    pub(super) async fn wait_for_messages(&self, queue: &str, count: u64) -> anyhow::Result<()> {
        let deadline = Instant::now() + JOB_TIMEOUT;
        let body = json!({ "QueueUrl": self.queue_url(queue), "AttributeNames": ["ApproximateNumberOfMessages"] });
        loop {
            let response = self.fixture.root.json("sqs", "AmazonSQS.GetQueueAttributes", body.clone()).await?;
            let found = response["Attributes"]["ApproximateNumberOfMessages"].as_str().unwrap_or_default();
            if found.parse::<u64>()? >= count {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the queue {queue} has {found} messages after {JOB_TIMEOUT:?}");
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Publishes any text, with the publisher's key.
    pub(super) async fn publish(&self, message: &str) -> anyhow::Result<()> {
        let topic = self.terraform_state.output("topic_arn").as_str().unwrap_or_default();
        let params = [("TopicArn", topic), ("Message", message)];
        self.fixture.root.with_key(self.publisher.clone()).query("sns", SNS_VERSION, "Publish", &params).await?;
        Ok(())
    }

    /// Runs `trigger_job` as the CI would, with its key only; returns the job's key.
    pub(super) async fn trigger(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(self.fixture.programs.trigger_job())
            .args(arguments)
            .env_clear()
            .envs(self.fixture.sdk_environment())
            .env("DOORBELL_TOPIC_ARN", self.terraform_state.output("topic_arn").as_str().unwrap_or_default())
            .env("AWS_ACCESS_KEY_ID", &self.publisher.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", &self.publisher.secret_access_key)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .context("cannot start trigger_job")?;
        ensure!(output.status.success(), "trigger_job: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }

    pub(super) async fn wait_until_settled(&self, key: &str, status: &str) -> anyhow::Result<()> {
        let job = self.wait_for_job(key, "settled", Job::is_settled).await?;
        ensure!(job.status() == status, "the job's status is {}, not {status}: {job:#?}", job.status());
        Ok(())
    }

    pub(super) async fn wait_for_job(
        &self,
        key: &str,
        what: &str,
        wanted: impl Fn(&Job) -> bool,
    ) -> anyhow::Result<Job> {
        let deadline = Instant::now() + JOB_TIMEOUT;
        loop {
            let job = rows(&self.fixture.root).await?.iter().map(Job::from_item).find(|job| job.key() == key);
            match job {
                Some(job) if wanted(&job) => return Ok(job),
                job => {
                    ensure!(Instant::now() < deadline, "the job {key} is not {what} within {JOB_TIMEOUT:?}: {job:#?}")
                }
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    fn check_flag(&self, status: &str) -> anyhow::Result<()> {
        let flags = self.fixture.forge.flags(&self.commit);
        let statuses: Vec<_> = flags.iter().map(|flag| flag.status.as_str()).collect();
        ensure!(statuses == [status], "the commit's flags are {statuses:?}");
        Ok(())
    }
}

/// Does what the output `access_key_commands` instructs the owner to do.
async fn create_publisher_key(fixture: &BareEnvironment) -> anyhow::Result<AccessKey> {
    let response = fixture.root.query("iam", IAM_VERSION, "CreateAccessKey", &[("UserName", PUBLISHER)]).await?;
    let key = AccessKey {
        access_key_id: response.required("AccessKeyId")?,
        secret_access_key: response.required("SecretAccessKey")?,
        session_token: None,
        principal_arn: iam_arn(&format!("user/{PUBLISHER}")),
        initiator: PUBLISHER.to_owned(),
    };
    fixture.key_ring.add(key.clone());
    Ok(key)
}
