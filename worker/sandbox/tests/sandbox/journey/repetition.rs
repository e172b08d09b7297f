//! Everything twice, and events as they please.
use doorbell_sandbox::codebuild::EventMode;
use doorbell_sandbox::forge::EXECUTABLE;
use serde_json::json;

use super::{JOB, PASSING, demo, envelope, sandbox, trigger};

#[tokio::test]
async fn every_message_and_event_twice_in_any_order_is_one_build_and_the_right_flag() {
    let sandbox = sandbox().await;
    let (repository, _) = demo(&sandbox, PASSING).await;
    sandbox.codebuild.controls.events(EventMode { copies: 2, reorder: true, ..EventMode::default() });
    let _workers = (sandbox.worker(&[]).await.unwrap(), sandbox.worker(&[]).await.unwrap());
    let mut wanted = Vec::new();
    for number in 0..6 {
        let (script, status) = if number % 2 == 0 { (PASSING, "success") } else { ("#!/bin/sh\nexit 7\n", "failure") };
        let branch = format!("branch-{number}");
        let commit = repository.commit(&branch, &[("ci.sh", EXECUTABLE, script)], &branch).await.unwrap();
        let request = json!({ "project": "demo", "branch": branch });
        let message = envelope(&sandbox, &format!("message-{number}"), &request);
        for _ in 0..2 {
            sandbox.world.send_to_queue(&sandbox.world.trigger_queue_url(), &message).await.unwrap();
        }
        wanted.push((branch, commit, status));
    }
    for (branch, commit, status) in wanted {
        let key = key_of(&sandbox, &branch).await;
        let job = sandbox.until_settled(&key, JOB).await.unwrap();
        assert_eq!(job.status(), status, "{branch}");
        assert_eq!(sandbox.builds_of(&key).len(), 1, "{branch}");
        let shown = super::shown(&sandbox, &commit);
        assert_eq!(shown.last(), Some(&status), "{branch}: {shown:?}");
        let finals = shown.iter().position(|shown| *shown != "pending").unwrap();
        assert!(shown[finals..].iter().all(|shown| shown == &status), "{branch} went backwards: {shown:?}");
    }
    assert!(sandbox.world.dead_letters().await.unwrap().is_empty());
}

async fn key_of(sandbox: &doorbell_sandbox::sandbox::Sandbox, branch: &str) -> String {
    let deadline = tokio::time::Instant::now() + JOB;
    loop {
        let jobs = sandbox.jobs().await.unwrap();
        let mut mine = jobs.iter().filter(|job| job.json()["request"]["branch"] == branch);
        if let Some(job) = mine.next() {
            assert_eq!(mine.count(), 0, "one row a job");
            return job.key().to_owned();
        }
        assert!(tokio::time::Instant::now() < deadline, "no row for {branch}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_publish_repeated_by_the_ci_under_one_id_is_one_build() {
    let sandbox = sandbox().await;
    demo(&sandbox, PASSING).await;
    let _worker = sandbox.worker(&[]).await.unwrap();
    let first = trigger(&sandbox, &["demo", "main", "--id", "step-1"]).await;
    sandbox.until_settled(&first, JOB).await.unwrap();
    let again = trigger(&sandbox, &["demo", "main", "--id", "step-1"]).await;
    assert_eq!(first, again);
    let other = trigger(&sandbox, &["demo", "main", "--id", "step-2"]).await;
    sandbox.until_settled(&other, JOB).await.unwrap();
    assert_eq!((sandbox.builds_of(&first).len(), sandbox.builds_of(&other).len()), (1, 1));
}

#[tokio::test]
async fn with_all_events_lost_every_flag_is_still_right() {
    let sandbox = sandbox().await;
    let (_, commit) = demo(&sandbox, PASSING).await;
    sandbox.codebuild.controls.events(EventMode { lose_percent: 100, ..EventMode::default() });
    let _worker = sandbox.worker(&[("DOORBELL_BUILD_POLL_INTERVAL", "1s")]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    assert_eq!(sandbox.until_settled(&key, JOB).await.unwrap().status(), "success");
    assert_eq!(super::shown(&sandbox, &commit).last(), Some(&"success"));
}
