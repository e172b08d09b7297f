//! The usual cases.
use doorbell_sandbox::git_host::EXECUTABLE_FILE;
use serde_json::json;

use super::{JOB_TIMEOUT, PASSING_SCRIPT, flag_history, register_demo, single_flag, start_sandbox, trigger};

#[tokio::test]
async fn request_from_publish_only_key_ends_in_success_flag() {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, "#!/bin/sh\n[ \"$1\" = main ] && [ -n \"$DOORBELL_COMMIT\" ]\n").await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!((job.status(), job.phase()), ("success", "finished"));
    assert_eq!(sandbox.builds_of(&key).len(), 1);
    assert_eq!(flag_history(&sandbox, &commit).last(), Some(&"success"));
    let flag = single_flag(&sandbox, &commit);
    assert!(flag.comment.starts_with("passed"), "{}", flag.comment);
    assert!(flag.url.contains("/builds/"), "the flag's link is the build's log: {}", flag.url);
}

#[tokio::test]
async fn command_exit_code_is_failure_and_runner_code_is_error() {
    let sandbox = start_sandbox().await;
    let (repository, commit) = register_demo(&sandbox, "#!/bin/sh\nexit 3\n").await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!(job.status(), "failure");
    assert!(single_flag(&sandbox, &commit).comment.contains("exited with 3"));

    sandbox.register_project("other", &sandbox.registry_document(&repository, &json!("./missing.sh"))).await.unwrap();
    let key = trigger(&sandbox, &["other", "main"]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!(job.status(), "error", "{job:?}");
    assert!(job.result_message().unwrap_or_default().contains("runner code 243"), "{job:?}");
}

#[tokio::test]
async fn commit_outside_the_requested_ref_is_not_built() {
    let sandbox = start_sandbox().await;
    let (repository, first) = register_demo(&sandbox, PASSING_SCRIPT).await;
    repository.commit("main", &[("more", EXECUTABLE_FILE, "x")], "more").await.unwrap();
    let elsewhere =
        repository.commit("other", &[("ci.sh", EXECUTABLE_FILE, PASSING_SCRIPT)], "elsewhere").await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main", "--commit", first.as_str()]).await;
    assert_eq!(
        sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap().status(),
        "success",
        "an ancestor of the tip"
    );
    let key = trigger(&sandbox, &["demo", "main", "--commit", elsewhere.as_str()]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!(job.status(), "error");
    assert!(job.result_message().unwrap_or_default().contains("not on the ref"), "{job:?}");
    assert_eq!(single_flag(&sandbox, &elsewhere).status.as_str(), "error");
}

#[tokio::test]
async fn tags_and_allowed_variables_reach_the_command() {
    let sandbox = start_sandbox().await;
    let (repository, commit) = register_demo(&sandbox, "#!/bin/sh\n[ \"$1\" = v1 ] && [ \"$LEVEL\" = 'a b' ]\n").await;
    repository.annotated_tag("v1", &commit).await.unwrap();
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["variables"] = json!(["LEVEL"]);
    sandbox.register_project("demo", &document).await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "--tag", "v1", "--var", "LEVEL=a b"]).await;
    assert_eq!(sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap().status(), "success");
}

#[tokio::test]
async fn cancel_request_stops_job_if_project_allows_it() {
    let sandbox = start_sandbox().await;
    let (repository, commit) = register_demo(&sandbox, "#!/bin/sh\nexec sleep 300\n").await;
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["allowCancel"] = json!(true);
    sandbox.register_project("demo", &document).await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main", "--id", "long"]).await;
    sandbox.wait_for_job(&key, JOB_TIMEOUT, |job| job.phase() == "running").await.unwrap();
    trigger(&sandbox, &["demo", "main", "--id", "long", "--cancel"]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!(job.status(), "canceled");
    assert_eq!(single_flag(&sandbox, &commit).status.as_str(), "canceled");
}

#[tokio::test]
async fn jobs_over_the_provider_limit_wait_and_finish() {
    let mut options = super::options();
    options.concurrent_builds = Some(1);
    let sandbox = doorbell_sandbox::sandbox::Sandbox::start(options).await.unwrap();
    register_demo(&sandbox, PASSING_SCRIPT).await;
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let mut keys = Vec::new();
    for id in ["a", "b", "c", "d"] {
        keys.push(trigger(&sandbox, &["demo", "main", "--id", id]).await);
    }
    for key in keys {
        assert_eq!(sandbox.wait_until_settled(&key, JOB_TIMEOUT * 2).await.unwrap().status(), "success");
        assert_eq!(sandbox.builds_of(&key).len(), 1);
    }
}

/// Each command fails if another one runs. The ledger's item is real: the emulator evaluates its conditions.
#[tokio::test]
async fn two_workers_keep_the_installation_limit() {
    let sandbox = start_sandbox().await;
    let directory = tempfile::tempdir().unwrap();
    let lock = directory.path().join("lock");
    let path = lock.display();
    register_demo(&sandbox, &format!("#!/bin/sh\nmkdir '{path}' && sleep 1 && rmdir '{path}'\n")).await;
    let limit = [("DOORBELL_MAX_BUILDS", "1")];
    let _workers = [sandbox.start_worker(&limit).await.unwrap(), sandbox.start_worker(&limit).await.unwrap()];
    let mut keys = Vec::new();
    for id in ["a", "b", "c", "d"] {
        keys.push(trigger(&sandbox, &["demo", "main", "--id", id]).await);
    }
    for key in keys {
        assert_eq!(sandbox.wait_until_settled(&key, JOB_TIMEOUT * 2).await.unwrap().status(), "success");
    }
}
