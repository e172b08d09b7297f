//! Jobs in the account that Terraform made: the worker with its own role, the publisher with its key.
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::json;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

use super::ground::Ground;
use super::terraform::Account;
use crate::aging::age_row;
use crate::codebuild::EventMode;
use crate::credentials::Key;
use crate::forge::{EXECUTABLE, TokenScope};
use crate::job::Job;
use crate::worker_process::WorkerProcess;
use crate::world::account::iam_arn;
use crate::world::{IAM_VERSION, SNS_VERSION, rows};

/// What one job may take on a busy machine.
const WITHIN: Duration = Duration::from_secs(60);
/// How often the ledger is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// Past the time in which a token is repeated, and past CodeBuild's own five minutes.
const TOKEN_DEAD: Duration = Duration::from_secs(6 * 60);

/// What the example `complete` calls the secret that holds the forge's token.
const REPORT_SECRET: &str = "doorbell/report/demo";
/// The user of the example's publisher with a key.
const PUBLISHER: &str = "doorbell-publisher-pagure";

/// The example starts it with the argument `deploy`, and lets requests set STAGE.
const SCRIPT: &str = "#!/bin/sh\necho \"$1 at $DOORBELL_COMMIT\"\n[ \"${STAGE:-}\" != slow ] || exec sleep 300\n";

/// Four jobs and a message that is none: together they make a worker call all that it ever calls. Answers the secrets
/// that were in play.
///
/// # Errors
/// A job ended otherwise than it should.
pub(super) async fn travel(ground: &Ground, account: &Account) -> anyhow::Result<Vec<String>> {
    let repository = ground.forge.create_repository("demo").await?;
    let commit = repository.commit("main", &[("ci.sh", EXECUTABLE, SCRIPT)], "A script").await?;
    // By hand, as the owner does: no secret is Terraform's.
    let token = ground.forge.create_token(TokenScope::Any, &["commit_flag"]);
    let secret = json!({ "Name": REPORT_SECRET, "SecretString": token });
    ground.root.json("secretsmanager", "secretsmanager.CreateSecret", secret).await?;
    let publisher = make_key(ground).await?;
    let journey = Journey { ground, account, publisher, commit: commit.as_str().to_owned() };

    let worker = journey.worker("worker-1", &[]).await?;
    journey.succeeds().await?;
    journey.is_canceled().await?;
    journey.is_set_aside().await?;
    journey.is_found_by_another(worker).await?;
    Ok(vec![token, journey.publisher.secret_access_key, ground.emulator.root_key().secret_access_key])
}

struct Journey<'a> {
    ground: &'a Ground,
    account: &'a Account,
    publisher: Key,
    commit: String,
}

impl Journey<'_> {
    async fn succeeds(&self) -> anyhow::Result<()> {
        let key = self.trigger(&["demo", "main"]).await?;
        self.until_settled(&key, "success").await?;
        self.check_flag("success")?;
        println!("a job: its build passed, its flag is green");
        Ok(())
    }

    async fn is_canceled(&self) -> anyhow::Result<()> {
        let slow = ["demo", "main", "--id", "slow", "--var", "STAGE=slow"];
        let key = self.trigger(&slow).await?;
        self.until(&key, "running", |job| job.phase() == "running").await?;
        self.trigger(&[slow.as_slice(), &["--cancel"]].concat()).await?;
        self.until_settled(&key, "canceled").await?;
        println!("a job that was canceled: its build was stopped");
        Ok(())
    }

    /// The publisher can publish anything; what is no request goes where a person looks.
    async fn is_set_aside(&self) -> anyhow::Result<()> {
        let topic = self.account.output("topic_arn").as_str().unwrap_or_default().to_owned();
        let params = [("TopicArn", topic.as_str()), ("Message", "no request")];
        self.ground.root.with_key(self.publisher.clone()).query("sns", SNS_VERSION, "Publish", &params).await?;
        let queue = self.account.output("queue_urls")["dead-letters"].as_str().unwrap_or_default();
        let body = json!({ "QueueUrl": queue, "WaitTimeSeconds": 20 });
        let answer = self.ground.root.json("sqs", "AmazonSQS.ReceiveMessage", body).await?;
        let letter = answer["Messages"][0]["Body"].as_str().unwrap_or_default();
        ensure!(letter.contains("reason"), "what is no request is not in the dead-letter queue: {answer}");
        println!("a message that is no request: set aside with its reason");
        Ok(())
    }

    /// A worker dies between StartBuild and its answer. With the token expired and no event, the next one has to look.
    async fn is_found_by_another(&self, worker: WorkerProcess) -> anyhow::Result<()> {
        let controls = &self.ground.codebuild.controls;
        controls.events(EventMode { lose_percent: 100, ..EventMode::default() });
        controls.hold_replies_of("StartBuild");
        let key = self.trigger(&["demo", "main"]).await?;
        timeout(WITHIN, controls.until_held(1)).await.context("no StartBuild came")?;
        worker.kill().await?;
        controls.release();
        controls.expire_tokens();
        age_row(&self.ground.root, &key, TOKEN_DEAD).await?;
        let worker = self.worker("worker-2", &[("DOORBELL_BUILD_POLL_INTERVAL", "1s")]).await?;
        self.until_settled(&key, "success").await?;
        let builds = controls.builds();
        let is_of = |id: &Option<String>| id.as_ref().is_some_and(|id| id.ends_with(&format!(":{key}")));
        let builds = builds.iter().filter(|build| is_of(&build.job_id)).count();
        ensure!(builds == 1, "the job had {builds} builds");
        worker.terminate(WITHIN).await?;
        println!("a job whose worker was killed: another one found its build");
        Ok(())
    }

    /// As Fargate starts it: with what Terraform tells it, and its role. What is laid over it is this machine's.
    async fn worker(&self, log: &str, more: &[(&str, &str)]) -> anyhow::Result<WorkerProcess> {
        let ground = self.ground;
        let told = self.account.output("worker_environment").as_object().context("the worker is told nothing")?;
        let told = told.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
        let role = self.account.output("worker_role_name").as_str().context("the worker has no role")?;
        let mut environment: BTreeMap<String, String> = told.collect();
        environment.extend(ground.sdk_environment());
        environment.extend(ground.credentials.environment(role));
        let here = [
            ("DOORBELL_ALLOW_PRIVATE_FORGES", ground.forge.url().trim_start_matches("https://")),
            ("DOORBELL_HEALTH_ADDR", "127.0.0.1:0"),
            ("DOORBELL_SWEEP_INTERVAL", "500ms"),
        ];
        let more = here.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        environment.extend(more);
        WorkerProcess::start(&ground.programs.worker(), &environment, ground.file(&format!("{log}.log"))).await
    }

    /// Runs `trigger_job` as the CI would, with its key and nothing else; the job's key.
    async fn trigger(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let output = Command::new(self.ground.programs.trigger_job())
            .args(arguments)
            .env_clear()
            .envs(self.ground.sdk_environment())
            .env("DOORBELL_TOPIC_ARN", self.account.output("topic_arn").as_str().unwrap_or_default())
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

    async fn until_settled(&self, key: &str, status: &str) -> anyhow::Result<()> {
        let job = self.until(key, "settled", Job::is_settled).await?;
        ensure!(job.status() == status, "the job is {} and not {status}: {job:#?}", job.status());
        Ok(())
    }

    async fn until(&self, key: &str, what: &str, wanted: impl Fn(&Job) -> bool) -> anyhow::Result<Job> {
        let deadline = Instant::now() + WITHIN;
        loop {
            let job = rows(&self.ground.root).await?.iter().map(Job::from_item).find(|job| job.key() == key);
            match job {
                Some(job) if wanted(&job) => return Ok(job),
                job => ensure!(Instant::now() < deadline, "the job {key} is not {what} within {WITHIN:?}: {job:#?}"),
            }
            sleep(LOOK).await;
        }
    }

    fn check_flag(&self, status: &str) -> anyhow::Result<()> {
        let flags = self.ground.forge.flags(&self.commit);
        let shown: Vec<_> = flags.iter().map(|flag| flag.status.as_str()).collect();
        ensure!(shown == [status], "the commit's flags are {shown:?}");
        Ok(())
    }
}

/// What the output `access_key_commands` tells the owner to do.
async fn make_key(ground: &Ground) -> anyhow::Result<Key> {
    let answer = ground.root.query("iam", IAM_VERSION, "CreateAccessKey", &[("UserName", PUBLISHER)]).await?;
    let key = Key {
        access_key_id: answer.required("AccessKeyId")?,
        secret_access_key: answer.required("SecretAccessKey")?,
        session_token: None,
        principal_arn: iam_arn(&format!("user/{PUBLISHER}")),
        initiator: PUBLISHER.to_owned(),
    };
    ground.ring.add(key.clone());
    Ok(key)
}
