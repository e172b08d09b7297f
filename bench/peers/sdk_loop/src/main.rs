//! A plain loop on the AWS SDK: receive, start a build for each message, delete. It promises nothing.
use anyhow::{Context, Result};
use aws_sdk_codebuild::types::{Build, EnvironmentVariable};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message};
use futures_util::future::join_all;
use serde_json::Value;
use tokio::sync::Semaphore;

mod flag;

/// Concurrent batches, as many messages as the worker has jobs in flight.
const MAX_BATCHES: usize = 10;

struct Peer {
    sqs: aws_sdk_sqs::Client,
    codebuild: aws_sdk_codebuild::Client,
    forge: reqwest::Client,
    queue_url: String,
    build_project: String,
    forge_url: String,
    forge_token: String,
    handles_events: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let sdk = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    let variable = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
    let peer: &'static Peer = Box::leak(Box::new(Peer {
        sqs: aws_sdk_sqs::Client::new(&sdk),
        codebuild: aws_sdk_codebuild::Client::new(&sdk),
        forge: reqwest::Client::new(),
        queue_url: variable("PEER_QUEUE_URL")?,
        build_project: variable("PEER_BUILD_PROJECT")?,
        forge_url: variable("PEER_FORGE_URL")?,
        forge_token: variable("PEER_FORGE_TOKEN")?,
        handles_events: variable("PEER_MODE")? == "events",
    }));
    let batches: &'static Semaphore = Box::leak(Box::new(Semaphore::new(MAX_BATCHES)));
    loop {
        let permit = batches.acquire().await?;
        let call = peer.sqs.receive_message().queue_url(&peer.queue_url).max_number_of_messages(10);
        match call.wait_time_seconds(20).send().await {
            Ok(answer) => {
                let messages = answer.messages.unwrap_or_default();
                tokio::spawn(async move {
                    if let Err(error) = peer.handle_batch(messages).await {
                        eprintln!("{error:#}");
                    }
                    drop(permit);
                });
            }
            Err(error) => eprintln!("{error}"),
        }
    }
}

impl Peer {
    /// Handles the messages of one receive and deletes those that succeeded; the others come back.
    async fn handle_batch(&self, messages: Vec<Message>) -> Result<()> {
        let results = match self.handles_events {
            true => self.report_events(&messages).await?,
            false => join_all(messages.iter().map(|message| self.start_build(message))).await,
        };
        let mut entries = Vec::new();
        for (index, (message, result)) in messages.iter().zip(results).enumerate() {
            match result {
                Ok(()) => {
                    let receipt = message.receipt_handle().unwrap_or_default();
                    let entry = DeleteMessageBatchRequestEntry::builder().id(index.to_string()).receipt_handle(receipt);
                    entries.push(entry.build()?);
                }
                Err(error) => eprintln!("{error:#}"),
            }
        }
        if !entries.is_empty() {
            self.sqs.delete_message_batch().queue_url(&self.queue_url).set_entries(Some(entries)).send().await?;
        }
        Ok(())
    }

    async fn start_build(&self, message: &Message) -> Result<()> {
        let envelope: Value = serde_json::from_str(message.body().unwrap_or_default())?;
        let request: Value = serde_json::from_str(envelope["Message"].as_str().unwrap_or_default())?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let variables = [
            ("DOORBELL_PROJECT", text(&request["project"])),
            ("DOORBELL_REF", format!("refs/heads/{}", text(&request["branch"]))),
            ("DOORBELL_COMMIT", text(&request["commit"])),
        ];
        let mut call = self.codebuild.start_build().project_name(&self.build_project);
        call = call.idempotency_token(text(&envelope["MessageId"]));
        for (name, value) in variables {
            call = call.environment_variables_override(EnvironmentVariable::builder().name(name).value(value).build()?);
        }
        call.send().await?;
        Ok(())
    }

    async fn report_events(&self, messages: &[Message]) -> Result<Vec<Result<()>>> {
        let ids: Vec<String> = messages.iter().map(build_id).collect::<Result<_>>()?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let answer = self.codebuild.batch_get_builds().set_ids(Some(ids.clone())).send().await?;
        let builds = answer.builds();
        let report = |id: String| async move {
            let build = builds.iter().find(|build| build.id() == Some(&id));
            self.post_flag(build.context("CodeBuild does not know the build")?).await
        };
        Ok(join_all(ids.into_iter().map(report)).await)
    }

    async fn post_flag(&self, build: &Build) -> Result<()> {
        let (commit, form) = flag::of_build(build).context("the build has no commit")?;
        let call = self.forge.post(format!("{}/api/0/demo/c/{commit}/flag", self.forge_url));
        let call = call.header("authorization", format!("token {}", self.forge_token)).form(&form);
        call.send().await?.error_for_status()?.bytes().await?;
        Ok(())
    }
}

fn build_id(message: &Message) -> Result<String> {
    let event: Value = serde_json::from_str(message.body().unwrap_or_default())?;
    let arn = event["detail"]["build-id"].as_str().unwrap_or_default();
    Ok(arn.rsplit_once("build/").context("the event names no build")?.1.to_owned())
}
