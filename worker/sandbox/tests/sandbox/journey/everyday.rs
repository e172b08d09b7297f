//! What happens every day.
use doorbell_sandbox::forge::EXECUTABLE;
use serde_json::json;

use super::{JOB, PASSING, demo, flag, sandbox, shown, trigger};

#[tokio::test]
async fn a_request_travels_from_a_publish_only_key_to_a_green_flag() {
    let sandbox = sandbox().await;
    let (_, commit) = demo(&sandbox, "#!/bin/sh\n[ \"$1\" = main ] && [ -n \"$DOORBELL_COMMIT\" ]\n").await;
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.until_settled(&key, JOB).await.unwrap();
    assert_eq!((job.status(), job.phase()), ("success", "finished"));
    assert_eq!(sandbox.builds_of(&key).len(), 1);
    assert_eq!(shown(&sandbox, &commit).last(), Some(&"success"));
    let flag = flag(&sandbox, &commit);
    assert!(flag.comment.starts_with("passed"), "{}", flag.comment);
    assert!(flag.url.contains("/builds/"), "the flag's link is the build's log: {}", flag.url);
}

#[tokio::test]
async fn the_command_s_own_exit_code_is_a_failure_and_the_runner_s_is_an_error() {
    let sandbox = sandbox().await;
    let (repository, commit) = demo(&sandbox, "#!/bin/sh\nexit 3\n").await;
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.until_settled(&key, JOB).await.unwrap();
    assert_eq!(job.status(), "failure");
    assert!(flag(&sandbox, &commit).comment.contains("exited with 3"));

    sandbox.register("other", &sandbox.document(&repository, &json!("./missing.sh"))).await.unwrap();
    let key = trigger(&sandbox, &["other", "main"]).await;
    let job = sandbox.until_settled(&key, JOB).await.unwrap();
    assert_eq!(job.status(), "error", "{job:?}");
    assert!(job.ending().unwrap_or_default().contains("runner code 243"), "{job:?}");
}

#[tokio::test]
async fn a_commit_is_built_only_if_it_is_on_the_ref_that_was_asked_for() {
    let sandbox = sandbox().await;
    let (repository, first) = demo(&sandbox, PASSING).await;
    repository.commit("main", &[("more", EXECUTABLE, "x")], "more").await.unwrap();
    let elsewhere = repository.commit("other", &[("ci.sh", EXECUTABLE, PASSING)], "elsewhere").await.unwrap();
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main", "--commit", first.as_str()]).await;
    assert_eq!(sandbox.until_settled(&key, JOB).await.unwrap().status(), "success", "an ancestor of the tip");
    let key = trigger(&sandbox, &["demo", "main", "--commit", elsewhere.as_str()]).await;
    let job = sandbox.until_settled(&key, JOB).await.unwrap();
    assert_eq!(job.status(), "error");
    assert!(job.ending().unwrap_or_default().contains("not on the ref"), "{job:?}");
    assert_eq!(flag(&sandbox, &elsewhere).status.as_str(), "error");
}

#[tokio::test]
async fn tags_and_allowed_variables_reach_the_command() {
    let sandbox = sandbox().await;
    let (repository, commit) = demo(&sandbox, "#!/bin/sh\n[ \"$1\" = v1 ] && [ \"$LEVEL\" = 'a b' ]\n").await;
    repository.annotated_tag("v1", &commit).await.unwrap();
    let mut document = sandbox.document(&repository, &json!("./ci.sh"));
    document["variables"] = json!(["LEVEL"]);
    sandbox.register("demo", &document).await.unwrap();
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "--tag", "v1", "--var", "LEVEL=a b"]).await;
    assert_eq!(sandbox.until_settled(&key, JOB).await.unwrap().status(), "success");
}

#[tokio::test]
async fn a_job_is_canceled_by_a_request_where_the_project_allows_it() {
    let sandbox = sandbox().await;
    let (repository, commit) = demo(&sandbox, "#!/bin/sh\nexec sleep 300\n").await;
    let mut document = sandbox.document(&repository, &json!("./ci.sh"));
    document["allowCancel"] = json!(true);
    sandbox.register("demo", &document).await.unwrap();
    let _worker = sandbox.worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main", "--id", "long"]).await;
    sandbox.until_job(&key, JOB, |job| job.phase() == "running").await.unwrap();
    trigger(&sandbox, &["demo", "main", "--id", "long", "--cancel"]).await;
    let job = sandbox.until_settled(&key, JOB).await.unwrap();
    assert_eq!(job.status(), "canceled");
    assert_eq!(flag(&sandbox, &commit).status.as_str(), "canceled");
}

#[tokio::test]
async fn more_jobs_than_the_provider_takes_wait_and_all_finish() {
    let mut options = super::options();
    options.concurrent_builds = Some(1);
    let sandbox = doorbell_sandbox::sandbox::Sandbox::start(options).await.unwrap();
    demo(&sandbox, PASSING).await;
    let _worker = sandbox.worker(&[]).await.unwrap();
    let mut keys = Vec::new();
    for id in ["a", "b", "c", "d"] {
        keys.push(trigger(&sandbox, &["demo", "main", "--id", id]).await);
    }
    for key in keys {
        assert_eq!(sandbox.until_settled(&key, JOB * 2).await.unwrap().status(), "success");
        assert_eq!(sandbox.builds_of(&key).len(), 1);
    }
}
