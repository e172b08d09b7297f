//! Limits of concurrent builds, timeouts and idempotency tokens.
use super::*;

#[tokio::test]
async fn builds_over_account_limit_wait_for_a_free_slot() {
    let settings = CodeBuildSettings { account_limit: 1, ..CodeBuildSettings::default() };
    let fixture = CodeBuildFixture::with_settings(settings)
        .await
        .with_commands(&["while [ ! -e \"$GATE\" ]; do sleep 0.05; done"])
        .await;
    let gate = fixture.dir.path().join("gate").display().to_string();
    let input = json!({"environmentVariablesOverride": [plaintext("GATE", &gate)]});
    let first = fixture.start(input.clone()).await.unwrap();
    fixture.wait_for_build(&first, |build| build["currentPhase"] == "BUILD").await;
    let second = fixture.start(input).await.unwrap();
    let waiting = fixture.wait_for_build(&second, |build| build["currentPhase"] == "QUEUED").await;
    assert_eq!(waiting["buildStatus"], "IN_PROGRESS");
    std::fs::write(&gate, "").unwrap();
    assert_eq!(fixture.wait_until_finished(&first).await["buildStatus"], "SUCCEEDED");
    assert_eq!(fixture.wait_until_finished(&second).await["buildStatus"], "SUCCEEDED");
}

#[tokio::test]
async fn queued_build_can_be_stopped_or_time_out() {
    let settings = CodeBuildSettings {
        account_limit: 0,
        minute_length: Duration::from_millis(100),
        ..CodeBuildSettings::default()
    };
    let fixture = CodeBuildFixture::with_settings(settings).await.with_commands(&["true"]).await;
    assert_eq!(fixture.start(json!({})).await.unwrap_err().code, "AccountLimitExceededException");
    fixture.codebuild.controls.change_settings(|settings| settings.account_limit = 1);
    let running = fixture.start(json!({})).await.unwrap();
    fixture.wait_until_finished(&running).await;
    let blocked = fixture
        .with_project(&json!({"name": "long", "source": {"type": "NO_SOURCE",
        "buildspec": "{version: 0.2, phases: {build: {commands: [sleep 100]}}}"}}))
        .await;
    let long = blocked.call("StartBuild", json!({"projectName": "long"})).await.unwrap();
    let long = long["build"]["id"].as_str().unwrap().to_owned();
    blocked.wait_for_build(&long, |build| build["currentPhase"] == "BUILD").await;
    let late = blocked.start(json!({"queuedTimeoutInMinutesOverride": 5})).await.unwrap();
    let stopped = blocked.start(json!({})).await.unwrap();
    blocked.call("StopBuild", json!({"id": stopped})).await.unwrap();
    for (id, status) in [(late, "TIMED_OUT"), (stopped, "STOPPED")] {
        let build = blocked.wait_until_finished(&id).await;
        assert_eq!(build["buildStatus"], status);
        assert_eq!(phases(&build)[1], ("QUEUED".to_owned(), status.to_owned()));
    }
}

#[tokio::test]
async fn codebuild_limits_can_change_at_runtime() {
    let settings = CodeBuildSettings { account_limit: 1, queue: QueuePolicy::NoQueue, ..CodeBuildSettings::default() };
    let fixture = CodeBuildFixture::with_settings(settings).await.with_commands(&["sleep 100"]).await;
    let token = json!({"idempotencyToken": "one"});
    let id = fixture.start(token.clone()).await.unwrap();
    assert_eq!(fixture.start(json!({})).await.unwrap_err().code, "AccountLimitExceededException");
    assert_eq!(fixture.start(token.clone()).await.unwrap(), id);
    fixture.codebuild.controls.expire_tokens();
    assert_eq!(fixture.start(token.clone()).await.unwrap_err().code, "AccountLimitExceededException");
    fixture.codebuild.controls.change_settings(|settings| settings.account_limit = 2);
    assert_ne!(fixture.start(token).await.unwrap(), id);
}
