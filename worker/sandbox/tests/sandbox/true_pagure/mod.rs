//! The journey with a true Pagure at both ends: it rings, and it shows the answer.
//!
//! Ignored unless asked for, since a Pagure has to be there, with the plugin in it: `bin/test --only pagure`.
mod browser;
mod instance;

use std::time::Duration;

use doorbell_sandbox::demo::denied;
use doorbell_sandbox::programs::Programs;
use doorbell_sandbox::sandbox::{Sandbox, SandboxOptions, UNPRIVILEGED_BUILD_PROJECT};
use doorbell_sandbox::worker_process::WorkerProcess;
use serde_json::{Value, json};

use instance::{Checkout, Pagure};

use crate::emulator::python;

/// One step, with Pagure's own tasks on the way.
const STEP: Duration = Duration::from_secs(180);

/// Long enough to be seen pending, and for a push or a restart meanwhile.
const SLOW: &str = "#!/bin/sh\nsleep 5\n";

const HOOK_SECRET: &str = "doorbell/report/hook";
const FLAG_SECRET: &str = "doorbell/report/pagure";

struct Stage {
    pagure: Pagure,
    checkout: Checkout,
    worker: WorkerProcess,
    sandbox: Sandbox,
}

impl Stage {
    /// A Pagure with a project `demo` whose hook is on with the publisher's key, registered to report by the plugin.
    async fn set() -> Self {
        let sandbox = Sandbox::start(SandboxOptions::new(Programs::find().unwrap(), python())).await.unwrap();
        let pagure = Pagure::start(&sandbox).await;
        pagure.create_project("demo").await;
        let checkout = Checkout::of(&pagure, &sandbox, "demo");
        checkout.push("main", &[("ci.sh", "#!/bin/sh\n")]);
        // Before the hook is on: its branch is to have no build of its own.
        checkout.push("feature", &[("ci.sh", SLOW)]);
        let key = sandbox.world.publisher_key();
        pagure.install_hook("demo", &sandbox.world.topic_arn(), &key).await;
        let token = pagure.hook_token();
        sandbox.world.put_secret(HOOK_SECRET, &token).await.unwrap();
        sandbox.world.put_secret(FLAG_SECRET, &pagure.flag_token).await.unwrap();
        let worker = sandbox.worker(&[("DOORBELL_ALLOW_PRIVATE_FORGES", &pagure.host)]).await.unwrap();
        let mut stage = Self { pagure, checkout, worker, sandbox };
        stage.report_by("pagure-ci", HOOK_SECRET).await;
        stage
    }

    /// Registers the project anew, and takes another worker: the one that runs keeps a document for half a minute.
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
        self.sandbox.register("demo", &document).await.unwrap();
        self.worker = self.sandbox.worker(&[("DOORBELL_ALLOW_PRIVATE_FORGES", &self.pagure.host)]).await.unwrap();
    }

    /// The job that was asked for this ref and commit, once it has come.
    async fn job(&self, git_ref: &Value, commit: &str) -> String {
        let is_it = |job: &doorbell_sandbox::job::Job| {
            let request = &job.json()["request"];
            request["commit"] == commit
                && git_ref.as_object().unwrap().iter().all(|(name, value)| request[name] == *value)
        };
        let deadline = tokio::time::Instant::now() + STEP;
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

    /// The one flag on a commit, as (status, comment), once its status is this.
    async fn until_flag(&self, commit: &str, status: &str) -> Value {
        let deadline = tokio::time::Instant::now() + STEP;
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

    async fn until_ended(&self, key: &str, status: &str) {
        let job = self.sandbox.until_settled(key, STEP).await.unwrap();
        assert_eq!(job.status(), status, "{job:#?}");
        assert_eq!(self.sandbox.builds_of(key).len(), 1, "one build each");
    }
}

#[tokio::test]
#[ignore = "needs a true Pagure: bin/test --only pagure"]
async fn a_true_pagure_rings_the_bell_and_shows_the_answer() {
    let mut stage = Stage::set().await;
    a_pull_request_is_built_and_flagged_at_its_head_whatever_is_pushed_meanwhile(&stage).await;
    a_push_is_built_once_and_its_flag_goes_from_pending_to(&stage, "success", SLOW).await;
    a_push_is_built_once_and_its_flag_goes_from_pending_to(&stage, "failure", "#!/bin/sh\nsleep 5\nexit 3\n").await;
    // The same by the API that every Pagure has.
    stage.report_by("pagure", FLAG_SECRET).await;
    a_stopped_build_is_a_canceled_flag_even_if_pagure_restarts_meanwhile(&stage).await;
    stage.report_by("pagure-ci", HOOK_SECRET).await;
    a_tag_is_asked_for_as_a_tag(&stage).await;
    // With the key that the hook holds, and that has just published each of these jobs' requests.
    let (refused, allowed) = denied::try_everything(&stage.sandbox, "demo").await.unwrap();
    assert!(refused.len() >= 8 && allowed.is_empty(), "Pagure's key may do more than publish: {allowed:?}");
    let jobs = stage.sandbox.jobs().await.unwrap();
    // Three pushes and a tag; a pull request, and the push to it, which is one of a branch, too.
    assert_eq!(jobs.len(), 7, "our own flags came back as messages and started nothing: {jobs:#?}");
    assert!(stage.sandbox.world.dead_letters().await.unwrap().is_empty());
    assert!(!stage.pagure.log().contains(&stage.sandbox.world.publisher_key().secret_access_key));
}

async fn a_push_is_built_once_and_its_flag_goes_from_pending_to(stage: &Stage, status: &str, script: &str) {
    let commit = stage.checkout.push("main", &[("ci.sh", script), (status, "")]);
    let key = stage.job(&json!({ "branch": "main" }), &commit).await;
    stage.until_flag(&commit, "pending").await;
    stage.until_ended(&key, status).await;
    let flag = stage.until_flag(&commit, status).await;
    assert_eq!(flag["username"], "Doorbell");
}

async fn a_stopped_build_is_a_canceled_flag_even_if_pagure_restarts_meanwhile(stage: &Stage) {
    let commit = stage.checkout.push("main", &[("ci.sh", "#!/bin/sh\nexec sleep 300\n")]);
    let key = stage.job(&json!({ "branch": "main" }), &commit).await;
    stage.until_flag(&commit, "pending").await;
    let job = stage.sandbox.until_job(&key, STEP, |job| job.build().is_some()).await.unwrap();
    let root = stage.sandbox.codebuild_client(stage.sandbox.world.emulator().root_key()).unwrap();
    let stop = json!({ "id": job.build().unwrap() });
    root.json("codebuild", "CodeBuild_20161006.StopBuild", stop).await.unwrap();
    stage.pagure.restart();
    stage.until_flag(&commit, "canceled").await;
    stage.until_ended(&key, "canceled").await;
}

async fn a_tag_is_asked_for_as_a_tag(stage: &Stage) {
    let commit = stage.checkout.tag("v1");
    let key = stage.job(&json!({ "tag": "v1" }), &commit).await;
    stage.until_ended(&key, "success").await;
}

async fn a_pull_request_is_built_and_flagged_at_its_head_whatever_is_pushed_meanwhile(stage: &Stage) {
    let head = stage.checkout.tip("feature");
    let number = stage.pagure.open_pull_request("demo", "feature").await;
    let key = stage.job(&json!({ "pullRequest": number }), &head).await;
    stage.sandbox.until_job(&key, STEP, |job| job.build().is_some()).await.unwrap();
    let page = format!("{}/demo/pull-request/{number}", stage.pagure.url);
    stage.until_flag(&head, "success").await;
    let shown = browser::page(&page);
    assert!(shown.contains("Doorbell") && shown.contains("passed after"), "no flag on the page of the pull request");
    browser::screenshot(&page);

    let pushed = stage.checkout.push("feature", &[("ci.sh", "#!/bin/sh\nexit 4\n")]);
    stage.until_ended(&key, "success").await;
    let second = stage.job(&json!({ "pullRequest": number }), &pushed).await;
    stage.until_ended(&second, "failure").await;
    let of_the_branch = stage.job(&json!({ "branch": "feature" }), &pushed).await;
    stage.until_ended(&of_the_branch, "failure").await;
    assert_eq!(stage.pagure.flags("demo", &head).await.len(), 1);
    assert_eq!(stage.until_flag(&head, "success").await["commit_hash"], head);
}
