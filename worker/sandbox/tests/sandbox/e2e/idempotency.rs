//! Repeated requests, and lost, repeated and reordered events.
use doorbell_sandbox::codebuild::EventMode;
use doorbell_sandbox::git_host::EXECUTABLE_FILE;
use serde_json::json;

use super::{JOB_TIMEOUT, PASSING_SCRIPT, envelope, flag_history, register_demo, start_sandbox, trigger};

#[tokio::test]
async fn duplicated_reordered_input_gives_one_build_and_correct_flag() {
    let sandbox = start_sandbox().await;
    let (repository, _) = register_demo(&sandbox, PASSING_SCRIPT).await;
    sandbox.codebuild.controls.set_event_mode(EventMode { copies: 2, reorder: true, ..EventMode::default() });
    let _workers = (sandbox.start_worker(&[]).await.unwrap(), sandbox.start_worker(&[]).await.unwrap());
    let mut wanted = Vec::new();
    for number in 0..6 {
        let (script, status) =
            if number % 2 == 0 { (PASSING_SCRIPT, "success") } else { ("#!/bin/sh\nexit 7\n", "failure") };
        let branch = format!("branch-{number}");
        let commit = repository.commit(&branch, &[("ci.sh", EXECUTABLE_FILE, script)], &branch).await.unwrap();
        let request = json!({ "project": "demo", "branch": branch });
        let message = envelope(&sandbox, &format!("message-{number}"), &request);
        for _ in 0..2 {
            sandbox.account.send_to_queue(&sandbox.account.trigger_queue_url(), &message).await.unwrap();
        }
        wanted.push((branch, commit, status));
    }
    for (branch, commit, status) in wanted {
        let key = key_of(&sandbox, &branch).await;
        let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
        assert_eq!(job.status(), status, "{branch}");
        assert_eq!(sandbox.builds_of(&key).len(), 1, "{branch}");
        let shown = flag_history(&sandbox, &commit);
        assert_eq!(shown.last(), Some(&status), "{branch}: {shown:?}");
        let finals = shown.iter().position(|shown| *shown != "pending").unwrap();
        assert!(shown[finals..].iter().all(|shown| shown == &status), "{branch}: the status regressed: {shown:?}");
    }
    assert!(sandbox.account.dead_letters().await.unwrap().is_empty());
}

async fn key_of(sandbox: &doorbell_sandbox::sandbox::Sandbox, branch: &str) -> String {
    let deadline = tokio::time::Instant::now() + JOB_TIMEOUT;
    loop {
        let jobs = sandbox.jobs().await.unwrap();
        let mut mine = jobs.iter().filter(|job| job.json()["request"]["branch"] == branch);
        if let Some(job) = mine.next() {
            assert_eq!(mine.count(), 0, "one row per job");
            return job.key().to_owned();
        }
        assert!(tokio::time::Instant::now() < deadline, "no row for {branch}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn publish_repeated_under_one_id_gives_one_build() {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    // Without a commit a repeat would be the same job for two minutes only.
    let step = ["demo", "main", "--commit", commit.as_str(), "--id", "step-1"];
    let first = trigger(&sandbox, &step).await;
    sandbox.wait_until_settled(&first, JOB_TIMEOUT).await.unwrap();
    let again = trigger(&sandbox, &step).await;
    assert_eq!(first, again);
    let other = trigger(&sandbox, &["demo", "main", "--id", "step-2"]).await;
    sandbox.wait_until_settled(&other, JOB_TIMEOUT).await.unwrap();
    assert_eq!((sandbox.builds_of(&first).len(), sandbox.builds_of(&other).len()), (1, 1));
    assert_eq!(sandbox.jobs().await.unwrap().len(), 2);
}

#[tokio::test]
async fn lost_events_still_lead_to_a_correct_flag() {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    sandbox.codebuild.controls.set_event_mode(EventMode { lose_percent: 100, ..EventMode::default() });
    let _worker = sandbox.start_worker(&[("DOORBELL_BUILD_POLL_INTERVAL", "1s")]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    assert_eq!(sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap().status(), "success");
    assert_eq!(flag_history(&sandbox, &commit).last(), Some(&"success"));
}
