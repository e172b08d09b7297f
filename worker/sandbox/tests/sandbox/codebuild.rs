//! CodeBuild as its callers see it: signed calls over HTTPS, and builds that really run.
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorbell_messages::{BuildEvent, EventKind};
use doorbell_sandbox::aws::{AwsClient, AwsError};
use doorbell_sandbox::codebuild::{
    AwsServices, BuildCredentials, BuildLogLine, BuildRole, CodeBuildOptions, CodeBuildServer, CodeBuildSettings,
    EventMode, PermissionCheck, QueuePolicy, SecretVersion, ServiceFuture,
};
use doorbell_sandbox::credentials::{AccessKey, KeyRing};
use doorbell_sandbox::test_ca::TestCa;
use futures_util::FutureExt;
use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

mod api_calls;
mod build_run;
mod emulator_integration;
mod events;
mod limits;
mod secrets;
mod stopping;

const REGION: &str = "eu-central-1";
const ACCOUNT: &str = "111122223333";
/// The timeout of one step on a busy machine.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The account around CodeBuild, in memory.
#[derive(Debug, Default)]
struct TestAccount {
    events: Mutex<Vec<Value>>,
    lines: Arc<Mutex<Vec<String>>>,
    roles: Mutex<Vec<String>>,
}

const ROLE: &str = "arn:aws:iam::111122223333:role/build";
const SECRET: &str = "s3cret-value";

impl AwsServices for TestAccount {
    fn is_allowed<'a>(&'a self, who: &'a AccessKey, call: &'a PermissionCheck) -> ServiceFuture<'a, bool> {
        let allowed = who.principal_arn.ends_with("role/worker")
            && call.action == "codebuild:StartBuild"
            && call.resource == "arn:aws:codebuild:eu-central-1:111122223333:project/demo";
        async move { Ok(allowed) }.boxed()
    }

    fn put_events(&self, entries: Vec<Value>) -> ServiceFuture<'_, ()> {
        self.events.lock().unwrap().extend(entries);
        async { Ok(()) }.boxed()
    }

    fn assume_role<'a>(
        &'a self,
        role_arn: &'a str,
        session: &'a str,
        _: &'a str,
    ) -> ServiceFuture<'a, Arc<dyn BuildRole>> {
        self.roles.lock().unwrap().push(role_arn.to_owned());
        let key = key("ASIABUILD", &format!("build/{session}"), role_arn, Some("build-session"));
        let role: Result<Arc<dyn BuildRole>, AwsError> = if role_arn == ROLE {
            Ok(Arc::new(TestRole { key, lines: self.lines.clone() }))
        } else {
            Err(error_with_code("AccessDenied"))
        };
        async move { role }.boxed()
    }
}

#[derive(Debug)]
struct TestRole {
    key: AccessKey,
    lines: Arc<Mutex<Vec<String>>>,
}

impl BuildRole for TestRole {
    fn key(&self) -> &AccessKey {
        &self.key
    }

    fn expires(&self) -> Timestamp {
        Timestamp::now() + Duration::from_secs(3600)
    }

    fn secret<'a>(&'a self, wanted: &'a SecretVersion) -> ServiceFuture<'a, String> {
        let text = match wanted.id.as_str() {
            "git" => Ok(json!({"token": SECRET, "number": 7}).to_string()),
            _ => Err(error_with_code("ResourceNotFoundException")),
        };
        async move { text }.boxed()
    }

    fn parameter<'a>(&'a self, name: &'a str) -> ServiceFuture<'a, String> {
        let text = if name == "/doorbell/demo" {
            Ok("p4rameter".to_owned())
        } else {
            Err(error_with_code("ParameterNotFound"))
        };
        async move { text }.boxed()
    }

    fn log<'a>(&'a self, _: &'a str, _: &'a str, lines: Vec<BuildLogLine>) -> ServiceFuture<'a, ()> {
        self.lines.lock().unwrap().extend(lines.into_iter().map(|line| line.text));
        // The role may not write logs: the build goes on.
        async { Err(error_with_code("AccessDeniedException")) }.boxed()
    }
}

fn error_with_code(code: &str) -> AwsError {
    AwsError { status: 400, code: code.to_owned(), message: "as the test demands".to_owned() }
}

fn key(id: &str, initiator: &str, principal_arn: &str, session_token: Option<&str>) -> AccessKey {
    AccessKey {
        access_key_id: id.to_owned(),
        secret_access_key: format!("secret of {id}"),
        session_token: session_token.map(str::to_owned),
        principal_arn: principal_arn.to_owned(),
        initiator: initiator.to_owned(),
    }
}

fn worker_key() -> AccessKey {
    key("ASIAWORKER", "worker/task", "arn:aws:iam::111122223333:role/worker", Some("worker-session"))
}

struct CodeBuildFixture {
    codebuild: CodeBuildServer,
    root: AwsClient,
    account: Arc<TestAccount>,
    ca: TestCa,
    dir: TempDir,
}

impl CodeBuildFixture {
    async fn new() -> CodeBuildFixture {
        Self::with_settings(CodeBuildSettings::default()).await
    }

    async fn with_settings(settings: CodeBuildSettings) -> CodeBuildFixture {
        let (ca, dir) = (TestCa::new().unwrap(), tempfile::tempdir().unwrap());
        let account = Arc::new(TestAccount::default());
        let root_key = key("AKIAROOT", "root", "arn:aws:iam::111122223333:root", None);
        let keys = KeyRing::default();
        keys.add(root_key.clone());
        keys.add(worker_key());
        let options = CodeBuildOptions {
            region: REGION.to_owned(),
            account: ACCOUNT.to_owned(),
            services: account.clone(),
            keys,
            ca: ca.clone(),
            work_dir: dir.path().to_owned(),
            path_dirs: vec!["/a/runners/directory".into()],
            environment: BTreeMap::from([("OF_MACHINE".to_owned(), "machine".to_owned())]),
            image: None,
            build_credentials: BuildCredentials::Endpoint,
            settings,
        };
        let codebuild = CodeBuildServer::start(options).await.unwrap();
        let root = AwsClient::new(codebuild.url(), REGION, root_key, &ca).unwrap();
        CodeBuildFixture { codebuild, root, account, ca, dir }
    }

    /// Creates the project `demo` with these commands in BUILD.
    async fn with_commands(self, commands: &[&str]) -> CodeBuildFixture {
        self.with_phases(&json!({"build": {"commands": commands}})).await
    }

    async fn with_phases(self, phases: &Value) -> CodeBuildFixture {
        // JSON is valid YAML.
        let buildspec = json!({"version": 0.2, "phases": phases}).to_string();
        self.with_project(&json!({"source": {"type": "NO_SOURCE", "buildspec": buildspec}})).await
    }

    async fn with_project(self, changes: &Value) -> CodeBuildFixture {
        self.call("CreateProject", project(changes)).await.unwrap();
        self
    }

    async fn call(&self, action: &str, input: Value) -> Result<Value, AwsError> {
        call(&self.root, action, input).await
    }

    async fn start(&self, input: Value) -> Result<String, AwsError> {
        let mut input = input;
        input["projectName"] = json!("demo");
        let response = self.call("StartBuild", input).await?;
        Ok(response["build"]["id"].as_str().unwrap().to_owned())
    }

    async fn build(&self, id: &str) -> Value {
        self.call("BatchGetBuilds", json!({"ids": [id]})).await.unwrap()["builds"][0].clone()
    }

    async fn wait_until_finished(&self, id: &str) -> Value {
        self.wait_for_build(id, |build| build["buildComplete"] == true).await
    }

    async fn wait_for_build(&self, id: &str, reached: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + STEP_TIMEOUT;
        loop {
            let build = self.build(id).await;
            if reached(&build) {
                return build;
            }
            assert!(Instant::now() < end, "not reached: {build:#}");
            sleep(POLL_INTERVAL).await;
        }
    }

    /// The log, once it contains the string.
    async fn wait_for_log(&self, id: &str, text: &str) -> String {
        let end = Instant::now() + STEP_TIMEOUT;
        let link = self.build(id).await["logs"]["deepLink"].as_str().unwrap().to_owned();
        loop {
            let log = self.http().get(&link).send().await.unwrap().text().await.unwrap();
            if log.contains(text) {
                return log;
            }
            assert!(Instant::now() < end, "the log does not contain {text:?}: {log:?}");
            sleep(POLL_INTERVAL).await;
        }
    }

    fn http(&self) -> reqwest::Client {
        let ca = reqwest::Certificate::from_pem(self.ca.ca_pem().as_bytes()).unwrap();
        reqwest::Client::builder().tls_certs_only([ca]).no_proxy().build().unwrap()
    }

    async fn wait_for_events(&self, reached: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let end = Instant::now() + STEP_TIMEOUT;
        loop {
            let events = self.account.events.lock().unwrap().clone();
            if reached(&events) {
                return events;
            }
            assert!(Instant::now() < end, "not reached: {events:#?}");
            sleep(POLL_INTERVAL).await;
        }
    }
}

async fn call(client: &AwsClient, action: &str, input: Value) -> Result<Value, AwsError> {
    client.json("codebuild", &format!("CodeBuild_20161006.{action}"), input).await
}

fn project(changes: &Value) -> Value {
    let mut project = json!({
        "name": "demo",
        "source": {"type": "NO_SOURCE", "buildspec": "{version: 0.2, phases: {build: {commands: ['true']}}}"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": {"type": "LINUX_CONTAINER", "image": "any", "computeType": "BUILD_GENERAL1_SMALL"},
        "serviceRole": ROLE,
    });
    project.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    project
}

fn plaintext(name: &str, value: &str) -> Value {
    json!({"name": name, "value": value, "type": "PLAINTEXT"})
}

fn phases(build: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let phases = build["phases"].as_array().unwrap();
    phases.iter().map(|phase| (text(&phase["phaseType"]), text(&phase["phaseStatus"]))).collect()
}

fn context_of<'a>(build: &'a Value, phase: &str) -> &'a Value {
    let phases = build["phases"].as_array().unwrap();
    let phase = phases.iter().find(|shown| shown["phaseType"] == phase).unwrap();
    &phase["contexts"][0]
}
