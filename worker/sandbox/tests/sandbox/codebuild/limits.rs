//! Places to run, and tokens.
use super::*;

#[tokio::test]
async fn builds_over_the_accounts_limit_wait_until_a_place_is_free() {
    let settings = Settings { account_limit: 1, ..Settings::default() };
    let stage = Stage::set_with(settings).await.with_commands(&["while [ ! -e \"$GATE\" ]; do sleep 0.05; done"]).await;
    let gate = stage.dir.path().join("gate").display().to_string();
    let input = json!({"environmentVariablesOverride": [plaintext("GATE", &gate)]});
    let first = stage.start(input.clone()).await.unwrap();
    stage.build_when(&first, |build| build["currentPhase"] == "BUILD").await;
    let second = stage.start(input).await.unwrap();
    let waiting = stage.build_when(&second, |build| build["currentPhase"] == "QUEUED").await;
    assert_eq!(waiting["buildStatus"], "IN_PROGRESS");
    std::fs::write(&gate, "").unwrap();
    assert_eq!(stage.finished(&first).await["buildStatus"], "SUCCEEDED");
    assert_eq!(stage.finished(&second).await["buildStatus"], "SUCCEEDED");
}

#[tokio::test]
async fn a_build_may_be_stopped_or_time_out_in_the_queue() {
    let settings = Settings { account_limit: 0, minute: Duration::from_millis(100), ..Settings::default() };
    let stage = Stage::set_with(settings).await.with_commands(&["true"]).await;
    assert_eq!(stage.start(json!({})).await.unwrap_err().code, "AccountLimitExceededException");
    stage.codebuild.controls.change(|settings| settings.account_limit = 1);
    let running = stage.start(json!({})).await.unwrap();
    stage.finished(&running).await;
    let blocked = stage
        .with_project(&json!({"name": "long", "source": {"type": "NO_SOURCE",
        "buildspec": "{version: 0.2, phases: {build: {commands: [sleep 100]}}}"}}))
        .await;
    let long = blocked.call("StartBuild", json!({"projectName": "long"})).await.unwrap();
    let long = long["build"]["id"].as_str().unwrap().to_owned();
    blocked.build_when(&long, |build| build["currentPhase"] == "BUILD").await;
    let late = blocked.start(json!({"queuedTimeoutInMinutesOverride": 5})).await.unwrap();
    let stopped = blocked.start(json!({})).await.unwrap();
    blocked.call("StopBuild", json!({"id": stopped})).await.unwrap();
    for (id, status) in [(late, "TIMED_OUT"), (stopped, "STOPPED")] {
        let build = blocked.finished(&id).await;
        assert_eq!(build["buildStatus"], status);
        assert_eq!(phases(&build)[1], ("QUEUED".to_owned(), status.to_owned()));
    }
}

#[tokio::test]
async fn limits_can_change_while_it_runs() {
    let settings = Settings { account_limit: 1, queue: Queue::Closed, ..Settings::default() };
    let stage = Stage::set_with(settings).await.with_commands(&["sleep 100"]).await;
    let token = json!({"idempotencyToken": "one"});
    let id = stage.start(token.clone()).await.unwrap();
    assert_eq!(stage.start(json!({})).await.unwrap_err().code, "AccountLimitExceededException");
    assert_eq!(stage.start(token.clone()).await.unwrap(), id);
    stage.codebuild.controls.expire_tokens();
    assert_eq!(stage.start(token.clone()).await.unwrap_err().code, "AccountLimitExceededException");
    stage.codebuild.controls.change(|settings| settings.account_limit = 2);
    assert_ne!(stage.start(token).await.unwrap(), id);
}
