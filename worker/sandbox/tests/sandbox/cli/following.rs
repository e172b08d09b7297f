//! Following a job, ending it, and asking for it again.

use std::process::Stdio;

use doorbell_sandbox::sandbox::Sandbox;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::{doorbell, json};
use crate::e2e::{JOB_TIMEOUT, register_demo, start_sandbox, trigger};

const LOGGING_SCRIPT: &str = "#!/bin/sh\necho first-line\nsleep 1\nprintf 'second\\033[31mline\\n'\nexit ${CODE:-0}\n";

/// A sandbox whose project takes any script by the branch's name.
async fn sandbox_with_scripts() -> Sandbox {
    let sandbox = start_sandbox().await;
    let (repository, _) = register_demo(&sandbox, LOGGING_SCRIPT).await;
    for (branch, script) in [
        ("broken", "#!/bin/sh\nexit 3\n"),
        ("long", "#!/bin/sh\necho here\nexec sleep 300\n"),
        ("unstartable", "#!/no/such/interpreter\n"),
    ] {
        repository
            .commit(branch, &[("ci.sh", doorbell_sandbox::git_host::EXECUTABLE_FILE, script)], branch)
            .await
            .unwrap();
    }
    sandbox
}

#[tokio::test]
async fn following_a_job_exits_with_its_result_code() {
    let sandbox = sandbox_with_scripts().await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let good = trigger(&sandbox, &["demo", "main", "--id", "good"]).await;
    let followed = doorbell(&sandbox, &["logs", "-f", &good]).await;
    assert_eq!(followed.code, Some(0), "{}{}", followed.stdout, followed.stderr);
    for part in ["first-line\n", "second", "success: passed"] {
        assert!(followed.stdout.contains(part), "{part} is not in {}", followed.stdout);
    }
    assert!(!followed.stdout.contains('\u{1b}'), "a log can't steer the terminal");
    let read = doorbell(&sandbox, &["logs", "good", "--output", "json"]).await;
    assert!(read.stdout.lines().count() > 2 && read.stdout.lines().all(|line| line.starts_with("{\"at\":")));

    for (arguments, code) in [
        (&["demo", "broken", "--id", "bad"][..], 1),
        (&["demo", "unstartable", "--id", "odd"], 8),
        (&["demo", "gone", "--id", "gone"], 6),
        (&["nowhere", "main", "--id", "none"], 6),
    ] {
        let job = trigger(&sandbox, arguments).await;
        for command in [&["logs", "-f", &job][..], &["jobs", "watch", &job]] {
            let said = doorbell(&sandbox, command).await;
            assert_eq!(said.code, Some(code), "{command:?}: {}{}", said.stdout, said.stderr);
        }
    }
    let without = doorbell(&sandbox, &["logs", "none"]).await;
    assert_eq!(without.code, Some(3), "{}", without.stderr);
}

#[tokio::test]
async fn owner_cancel_by_row_needs_no_policy_and_exits_with_7() {
    let sandbox = sandbox_with_scripts().await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let job = trigger(&sandbox, &["demo", "long", "--id", "long"]).await;
    sandbox.wait_for_job(&job, JOB_TIMEOUT, |job| job.phase() == "running").await.unwrap();
    let asked = json(&sandbox, &["jobs", "cancel", "long"]).await;
    assert_eq!((&asked["job"], &asked["by"]), (&json!(job), &json!("ledger")));
    assert_eq!(doorbell(&sandbox, &["jobs", "watch", "long"]).await.code, Some(7));
    let settled = sandbox.wait_until_settled(&job, JOB_TIMEOUT).await.unwrap();
    assert_eq!(settled.status(), "canceled");
    assert!(settled.trail().iter().any(|line| line.contains("the owner asks")), "{settled:?}");
    assert_eq!(json(&sandbox, &["jobs", "cancel", "long"]).await["by"], json!(null), "nothing is left to end");
}

#[tokio::test]
async fn cancel_by_request_without_id_uses_sns_message_id() {
    let sandbox = sandbox_with_scripts().await;
    let repository = sandbox.forge.create_repository("open").await.unwrap();
    let script = [("ci.sh", doorbell_sandbox::git_host::EXECUTABLE_FILE, "#!/bin/sh\nexec sleep 300\n")];
    repository.commit("main", &script, "a script").await.unwrap();
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["allowCancel"] = json!(true);
    sandbox.register_project("open", &document).await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    // A request without an id: its key holds SNS's.
    sandbox.account.publish("{\"project\":\"open\",\"branch\":\"main\"}").await.unwrap();
    let job = loop {
        if let Some(job) = sandbox.jobs().await.unwrap().pop() {
            break job.key().to_owned();
        }
    };
    sandbox.wait_for_job(&job, JOB_TIMEOUT, |job| job.phase() == "running").await.unwrap();
    let asked = json(&sandbox, &["jobs", "cancel", &job, "--by-request"]).await;
    assert_eq!(asked["by"], "topic");
    assert_eq!(sandbox.wait_until_settled(&job, JOB_TIMEOUT).await.unwrap().status(), "canceled");
}

#[tokio::test]
async fn rerun_creates_a_new_job() {
    let sandbox = sandbox_with_scripts().await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let first = trigger(&sandbox, &["demo", "broken", "--id", "one"]).await;
    sandbox.wait_until_settled(&first, JOB_TIMEOUT).await.unwrap();
    let again = json(&sandbox, &["jobs", "rerun", "one"]).await;
    let second = again["job"].as_str().unwrap();
    assert!(second != first && again["of"] == first.as_str(), "{again}");
    assert_eq!(sandbox.wait_until_settled(second, JOB_TIMEOUT).await.unwrap().status(), "failure");
    assert_eq!((sandbox.builds_of(&first).len(), sandbox.builds_of(second).len()), (1, 1));
}

#[tokio::test]
async fn ctrl_c_exits_with_130_and_closed_pipe_with_141() {
    let sandbox = sandbox_with_scripts().await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let job = trigger(&sandbox, &["demo", "long", "--id", "long"]).await;
    sandbox.wait_for_job(&job, JOB_TIMEOUT, |job| job.phase() == "running").await.unwrap();
    let mut follower = Command::new(sandbox.programs().doorbell())
        .args(["logs", "-f", "long"])
        .env_clear()
        .envs(sandbox.owner_environment())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    lines.next_line().await.unwrap().unwrap();
    let pid = i32::try_from(follower.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::INT).unwrap();
    assert_eq!(follower.wait().await.unwrap().code(), Some(130));
    let mut said = String::new();
    follower.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    assert!(said.contains("interrupted"), "{said}");

    let mut closed = Command::new(sandbox.programs().doorbell());
    let closed = closed.args(["logs", "long"]).env_clear().envs(sandbox.owner_environment());
    let mut closed = closed.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    drop(closed.stdout.take());
    assert_eq!(closed.wait().await.unwrap().code(), Some(141));
    doorbell(&sandbox, &["jobs", "cancel", "long"]).await;
}
