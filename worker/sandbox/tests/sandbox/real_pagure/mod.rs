//! End-to-end test with a real Pagure, which publishes the requests and shows the flags.
//!
//! Ignored by default, since it needs a Pagure with the plugin: `bin/test --only pagure`.
mod browser;
mod instance;

use std::time::Duration;

use doorbell_sandbox::demo::denied;
use doorbell_sandbox::programs::Programs;
use doorbell_sandbox::sandbox::{Sandbox, SandboxOptions, UNPRIVILEGED_BUILD_PROJECT};
use doorbell_sandbox::worker_process::WorkerProcess;
use serde_json::{Value, json};

use instance::{PagureInstance, WorkingCopy};

use crate::emulator::python;

/// The timeout of one step, Pagure's own tasks included.
const STEP_TIMEOUT: Duration = Duration::from_secs(180);

/// Slow enough to be seen as pending, and for a push or a restart meanwhile.
const SLOW_SCRIPT: &str = "#!/bin/sh\nsleep 5\n";

const HOOK_SECRET: &str = "doorbell/report/hook";
const FLAG_SECRET: &str = "doorbell/report/pagure";

struct PagureFixture {
    pagure: PagureInstance,
    checkout: WorkingCopy,
    worker: WorkerProcess,
    sandbox: Sandbox,
}

impl PagureFixture {
    /// Creates a Pagure with a project `demo` whose hook is active with the publisher's key, registered to report by
    /// the plugin.
    async fn new() -> Self {
        let sandbox = Sandbox::start(SandboxOptions::new(Programs::find().unwrap(), python())).await.unwrap();
        let pagure = PagureInstance::start(&sandbox).await;
        pagure.create_project("demo").await;
        let checkout = WorkingCopy::clone_empty(&pagure, &sandbox, "demo");
        checkout.push("main", &[("ci.sh", "#!/bin/sh\n")]);
        // Before the hook is active: its branch must not have a build of its own.
        checkout.push("feature", &[("ci.sh", SLOW_SCRIPT)]);
        let key = sandbox.account.publisher_key();
        pagure.install_hook("demo", &sandbox.account.topic_arn(), &key).await;
        let token = pagure.hook_token();
        sandbox.account.put_secret(HOOK_SECRET, &token).await.unwrap();
        sandbox.account.put_secret(FLAG_SECRET, &pagure.flag_token).await.unwrap();
        let worker = sandbox.start_worker(&[("DOORBELL_ALLOW_PRIVATE_FORGES", &pagure.host)]).await.unwrap();
        let mut fixture = Self { pagure, checkout, worker, sandbox };
        fixture.report_by("pagure-ci", HOOK_SECRET).await;
        fixture
    }

    /// Registers the project again and replaces the worker, which caches a document for half a minute.
    async fn report_by(&mut self, kind: &str, secret: &str) {
        let document = json!({
            "gitUrl": format!("{}/demo.git", self.pagure.url),
            "command": "./ci.sh",
            "refs": ["heads/*", "tags/*"],
            "buildProject": "doorbell-build",
            "pullRequests": "unprivileged",
            "unprivilegedBuildProject": UNPRIVILEGED_BUILD_PROJECT,
            "timeoutMinutes": 5,
            "reportTo": { "type": kind, "url": self.pagure.url, "repo": "demo", "tokenSecret": secret },
        });
        self.sandbox.register_project("demo", &document).await.unwrap();
        self.worker = self.sandbox.start_worker(&[("DOORBELL_ALLOW_PRIVATE_FORGES", &self.pagure.host)]).await.unwrap();
    }

    /// The key of the job for this ref and commit, once it exists.
    async fn wait_for_request(&self, git_ref: &Value, commit: &str) -> String {
        let is_it = |job: &doorbell_sandbox::job::Job| {
            let request = &job.json()["request"];
            request["commit"] == commit
                && git_ref.as_object().unwrap().iter().all(|(name, value)| request[name] == *value)
        };
        let deadline = tokio::time::Instant::now() + STEP_TIMEOUT;
        loop {
            let jobs = self.sandbox.jobs().await.unwrap();
            if let Some(job) = jobs.iter().find(|job| is_it(job)) {
                return job.key().to_owned();
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "no job for {git_ref} {commit}: {jobs:#?}\n{}",
                self.pagure.log()
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// The only flag on a commit, once it has this status.
    async fn wait_for_flag(&self, commit: &str, status: &str) -> Value {
        let deadline = tokio::time::Instant::now() + STEP_TIMEOUT;
        loop {
            let flags = self.pagure.flags("demo", commit).await;
            assert!(flags.len() <= 1, "{flags:#?}");
            if flags.first().is_some_and(|flag| flag["status"] == status) {
                return flags[0].clone();
            }
            assert!(
                tokio::time::Instant::now() < deadline,
                "not {status}: {flags:#?}\n{:#?}",
                self.sandbox.jobs().await
            );
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn wait_until_ended(&self, key: &str, status: &str) {
        let job = self.sandbox.wait_until_settled(key, STEP_TIMEOUT).await.unwrap();
        assert_eq!(job.status(), status, "{job:#?}");
        assert_eq!(self.sandbox.builds_of(key).len(), 1, "one build each");
    }
}

#[tokio::test]
#[ignore = "needs a real Pagure: bin/test --only pagure"]
async fn real_pagure_publishes_requests_and_shows_flags() {
    let mut fixture = PagureFixture::new().await;
    check_pull_request_is_flagged_at_its_head(&fixture).await;
    check_push_flag_goes_from_pending_to(&fixture, "success", SLOW_SCRIPT).await;
    check_push_flag_goes_from_pending_to(&fixture, "failure", "#!/bin/sh\nsleep 5\nexit 3\n").await;
    // The same by the API that every Pagure has.
    fixture.report_by("pagure", FLAG_SECRET).await;
    check_stopped_build_gets_canceled_flag(&fixture).await;
    fixture.report_by("pagure-ci", HOOK_SECRET).await;
    check_tag_is_requested_as_tag(&fixture).await;
    // With the key that the hook holds and that has published the request of each of these jobs.
    let (denied_actions, allowed) = denied::probe_denied_actions(&fixture.sandbox, "demo").await.unwrap();
    assert!(denied_actions.len() >= 8 && allowed.is_empty(), "Pagure's key may do more than publish: {allowed:?}");
    let jobs = fixture.sandbox.jobs().await.unwrap();
    // Three pushes and a tag; a pull request, and the push to it, which is also a push to a branch.
    assert_eq!(jobs.len(), 7, "the messages about our own flags must start nothing: {jobs:#?}");
    assert!(fixture.sandbox.account.dead_letters().await.unwrap().is_empty());
    assert!(!fixture.pagure.log().contains(&fixture.sandbox.account.publisher_key().secret_access_key));
}

async fn check_push_flag_goes_from_pending_to(fixture: &PagureFixture, status: &str, script: &str) {
    let commit = fixture.checkout.push("main", &[("ci.sh", script), (status, "")]);
    let key = fixture.wait_for_request(&json!({ "branch": "main" }), &commit).await;
    fixture.wait_for_flag(&commit, "pending").await;
    fixture.wait_until_ended(&key, status).await;
    let flag = fixture.wait_for_flag(&commit, status).await;
    assert_eq!(flag["username"], "Doorbell");
}

async fn check_stopped_build_gets_canceled_flag(fixture: &PagureFixture) {
    let commit = fixture.checkout.push("main", &[("ci.sh", "#!/bin/sh\nexec sleep 300\n")]);
    let key = fixture.wait_for_request(&json!({ "branch": "main" }), &commit).await;
    fixture.wait_for_flag(&commit, "pending").await;
    let job = fixture.sandbox.wait_for_job(&key, STEP_TIMEOUT, |job| job.build_id().is_some()).await.unwrap();
    let root = fixture.sandbox.codebuild_client(fixture.sandbox.account.emulator().root_key()).unwrap();
    let stop = json!({ "id": job.build_id().unwrap() });
    root.json("codebuild", "CodeBuild_20161006.StopBuild", stop).await.unwrap();
    fixture.pagure.restart();
    fixture.wait_for_flag(&commit, "canceled").await;
    fixture.wait_until_ended(&key, "canceled").await;
}

async fn check_tag_is_requested_as_tag(fixture: &PagureFixture) {
    let commit = fixture.checkout.tag("v1");
    let key = fixture.wait_for_request(&json!({ "tag": "v1" }), &commit).await;
    fixture.wait_until_ended(&key, "success").await;
}

async fn check_pull_request_is_flagged_at_its_head(fixture: &PagureFixture) {
    let head = fixture.checkout.tip("feature");
    let number = fixture.pagure.open_pull_request("demo", "feature").await;
    let key = fixture.wait_for_request(&json!({ "pullRequest": number }), &head).await;
    fixture.sandbox.wait_for_job(&key, STEP_TIMEOUT, |job| job.build_id().is_some()).await.unwrap();
    let page = format!("{}/demo/pull-request/{number}", fixture.pagure.url);
    fixture.wait_for_flag(&head, "success").await;
    let shown = browser::page(&page);
    assert!(shown.contains("Doorbell") && shown.contains("passed after"), "no flag on the page of the pull request");
    browser::screenshot(&page);

    let pushed = fixture.checkout.push("feature", &[("ci.sh", "#!/bin/sh\nexit 4\n")]);
    fixture.wait_until_ended(&key, "success").await;
    let second = fixture.wait_for_request(&json!({ "pullRequest": number }), &pushed).await;
    fixture.wait_until_ended(&second, "failure").await;
    let of_the_branch = fixture.wait_for_request(&json!({ "branch": "feature" }), &pushed).await;
    fixture.wait_until_ended(&of_the_branch, "failure").await;
    assert_eq!(fixture.pagure.flags("demo", &head).await.len(), 1);
    assert_eq!(fixture.wait_for_flag(&head, "success").await["commit_hash"], head);
}
