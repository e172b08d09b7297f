//! What the worker's credentials can start: in a pinned build project its own command and nothing else.
mod start_shapes;

use std::path::Path;
use std::process::Stdio;

use doorbell_sandbox::account::definition::{PINNED_GIT_SECRET, WORKER_ROLE};
use doorbell_sandbox::aws::AwsClient;
use doorbell_sandbox::codebuild::BuildSnapshot;
use doorbell_sandbox::git_host::EXECUTABLE_FILE;
use doorbell_sandbox::sandbox::Sandbox;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep};

use super::{JOB_TIMEOUT, register_demo, start_sandbox};
use crate::emulator::python;
use start_shapes::{Outcome, StartShape};

/// Printed by the command of the pinned repository and of another one.
const PINNED_MARKER: &str = "the-pinned-command-ran";
const FOREIGN_MARKER: &str = "a-foreign-command-ran";
/// A secret of another project.
const FOREIGN_SECRET: &str = "doorbell/git/other";
const FOREIGN_DOCUMENT: &str = "/doorbell/other";

/// Must hold: of all tried shapes none runs another repository or command or reaches a secret of another role.
#[tokio::test]
async fn stolen_worker_starts_only_pinned_commands() {
    let world = World::start().await;
    let shapes = [
        start_shapes::overrides(&world.other_url),
        start_shapes::pinned_names(),
        start_shapes::pinned_values(FOREIGN_SECRET, FOREIGN_DOCUMENT),
        start_shapes::unprivileged(&world.other_url, FOREIGN_SECRET, FOREIGN_DOCUMENT),
        start_shapes::foreign_projects(),
    ];
    let shapes: Vec<StartShape> = shapes.into_iter().flatten().collect();
    let mut wrong = Vec::new();
    for shape in &shapes {
        let found = world.try_start(&shape.input).await;
        if found != Ok(shape.outcome) {
            wrong.push(format!("{}: expected {:?}, found {found:?}", shape.name, shape.outcome));
        }
    }
    assert!(wrong.is_empty(), "{} of {} shapes:\n{}", wrong.len(), shapes.len(), wrong.join("\n"));
    assert!(shapes.len() > 400, "only {} shapes", shapes.len());
    let denied = shapes.iter().filter(|shape| shape.outcome == Outcome::Denied).count();
    println!("{} shapes, {denied} of them denied by IAM", shapes.len());
}

/// The overrides are those of AWS's own model, as botocore ships it: a new one must be classified.
#[tokio::test]
async fn overrides_are_those_of_the_api_model() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sandbox/e2e/stolen_worker/check_overrides.py");
    let mut child = tokio::process::Command::new(python())
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let fixture = include_str!("../../../../fixtures/start_build.json");
    child.stdin.take().unwrap().write_all(fixture.as_bytes()).await.unwrap();
    let output = child.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

/// A pinned project, a foreign repository, a foreign secret, and the worker's credentials.
struct World {
    sandbox: Sandbox,
    worker: AwsClient,
    other_url: String,
}

impl World {
    async fn start() -> Self {
        let sandbox = start_sandbox().await;
        let (repository, _) = register_demo(&sandbox, &format!("#!/bin/sh\necho {PINNED_MARKER}\n")).await;
        let other = sandbox.forge.create_repository("other").await.unwrap();
        let script = format!("#!/bin/sh\necho {FOREIGN_MARKER}\n");
        other.commit("main", &[("ci.sh", EXECUTABLE_FILE, &script)], "another command").await.unwrap();
        for (name, value) in [(PINNED_GIT_SECRET, "own-canary-51c2"), (FOREIGN_SECRET, "foreign-canary-77aa")] {
            sandbox.account.put_secret(name, value).await.unwrap();
        }
        sandbox.account.put_parameter("other", r#"{"authToken": "foreign-canary-77aa"}"#).await.unwrap();
        let mut document = sandbox.registry_document(&repository, &json!(["./ci.sh"]));
        document["refs"] = json!(["heads/main"]);
        document["variables"] = json!(["STAGE"]);
        sandbox.pin_project("demo", document).await.unwrap();
        let key = sandbox.account.roles().key(WORKER_ROLE).await.unwrap();
        let worker = sandbox.codebuild_client(key).unwrap();
        Self { worker, other_url: other.url(), sandbox }
    }

    /// Calls StartBuild, and waits for the build if one starts. The error is what no outcome describes.
    async fn try_start(&self, input: &Value) -> Result<Outcome, String> {
        let before = self.sandbox.codebuild.controls.builds().len();
        let response = self.worker.json("codebuild", "CodeBuild_20161006.StartBuild", input.clone()).await;
        let started = self.sandbox.codebuild.controls.builds().len() - before;
        match response {
            Err(error) if started > 0 => Err(format!("a build started although {error:?}")),
            Err(error) if error.is_denied() => Ok(Outcome::Denied),
            Err(error) if error.code == "InvalidInputException" => Ok(Outcome::Invalid),
            Err(error) => Err(format!("{error:?}")),
            Ok(response) => self.outcome(response["build"]["id"].as_str().unwrap_or_default()).await,
        }
    }

    async fn outcome(&self, id: &str) -> Result<Outcome, String> {
        let build = self.wait_for_build(id).await;
        let log = self.log(id).await;
        match (log.contains(PINNED_MARKER), log.contains(FOREIGN_MARKER)) {
            (true, false) => return Ok(Outcome::PinnedCommand),
            (false, true) => return Ok(Outcome::ForeignCommand),
            (true, true) => return Err(format!("both commands ran: {log}")),
            (false, false) => {}
        }
        let failure = build.failure.unwrap_or_default();
        match () {
            () if failure.contains("AccessDenied") => Ok(Outcome::SecretDenied),
            () if failure.contains("exit status 240") => Ok(Outcome::RejectedByRunner),
            () => Err(format!("{} {failure}: {log}", build.status)),
        }
    }

    async fn wait_for_build(&self, id: &str) -> BuildSnapshot {
        let deadline = Instant::now() + JOB_TIMEOUT;
        loop {
            let builds = self.sandbox.codebuild.controls.builds();
            let found = builds.into_iter().find(|build| build.id == id).unwrap();
            if found.ended.is_some() {
                return found;
            }
            assert!(Instant::now() < deadline, "{found:?}");
            sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    async fn log(&self, id: &str) -> String {
        let uuid = id.rsplit(':').next().unwrap_or_default();
        let path = self.sandbox.account.dir().join("builds").join(format!("{uuid}.log"));
        tokio::fs::read_to_string(path).await.unwrap_or_default()
    }
}
