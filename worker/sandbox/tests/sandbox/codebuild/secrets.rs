//! Secrets and credentials of builds.
use super::*;

#[tokio::test]
async fn build_secrets_are_read_by_role_and_masked_in_log() {
    let commands = ["test \"$TOKEN$NUMBER$PARAMETER\" = s3cret-value7p4rameter && printf 'a %s b' \"$TOKEN\""];
    let fixture = CodeBuildFixture::new().await.with_commands(&commands).await;
    let variables = json!([
        {"name": "TOKEN", "value": "git:token", "type": "SECRETS_MANAGER"},
        {"name": "NUMBER", "value": "git:number", "type": "SECRETS_MANAGER"},
        {"name": "PARAMETER", "value": "/doorbell/demo", "type": "PARAMETER_STORE"},
    ]);
    let id = fixture.start(json!({"environmentVariablesOverride": variables})).await.unwrap();
    let build = fixture.wait_until_finished(&id).await;
    let log = fixture.wait_for_log(&id, "").await;
    assert_eq!(build["buildStatus"], "SUCCEEDED", "{log}");
    assert!(log.contains("a *** b") && !log.contains(SECRET), "{log}");
    assert_eq!(build["environment"]["environmentVariables"], variables);
    assert_eq!(*fixture.account.roles.lock().unwrap(), [ROLE]);
    let lines = fixture.account.lines.lock().unwrap();
    assert_eq!(lines.iter().map(|line| format!("{line}\n")).collect::<String>(), log);
}

#[tokio::test]
async fn unreadable_secret_fails_build_before_first_command() {
    let fixture = CodeBuildFixture::new().await.with_commands(&["true"]).await;
    let check = async |kind: &str, value: &str, status_code: &str, message: &str| {
        let variable = json!([{"name": "A", "value": value, "type": kind}]);
        let id = fixture.start(json!({"environmentVariablesOverride": variable})).await.unwrap();
        let build = fixture.wait_until_finished(&id).await;
        assert_eq!(build["buildStatus"], "FAILED");
        assert_eq!(context_of(&build, "DOWNLOAD_SOURCE"), &json!({"statusCode": status_code, "message": message}));
        assert_eq!(phases(&build)[4].0, "FINALIZING");
    };
    let missing = "ResourceNotFoundException: as the test demands";
    check("SECRETS_MANAGER", "other", "Secrets Manager Error Message", missing).await;
    let no_key = "key none does not exist in secret git";
    check("SECRETS_MANAGER", "git:none", "Secrets Manager Error Message", no_key).await;
    check("PARAMETER_STORE", "/other", "Decrypted Variables Error", "ParameterNotFound: as the test demands").await;
}

#[tokio::test]
async fn build_role_keys_are_served_to_build_commands_only() {
    let commands = ["echo \"at=$AWS_CONTAINER_CREDENTIALS_FULL_URI;$AWS_CONTAINER_AUTHORIZATION_TOKEN;\"; sleep 100"];
    let fixture = CodeBuildFixture::new().await.with_commands(&commands).await;
    let id = fixture.start(json!({})).await.unwrap();
    let log = fixture.wait_for_log(&id, "\nat=").await;
    let line = log.lines().find(|line| line.starts_with("at=")).unwrap();
    let mut parts = line.trim_start_matches("at=").split(';');
    let (uri, token) = (parts.next().unwrap(), parts.next().unwrap());
    let get = async |token: &str| fixture.http().get(uri).header("authorization", token).send().await.unwrap();
    let credentials: Value = get(token).await.json().await.unwrap();
    assert_eq!(credentials["AccessKeyId"], "ASIABUILD");
    assert_eq!(credentials["Token"], "build-session");
    assert_eq!(get("another").await.status(), 401);
    fixture.call("StopBuild", json!({"id": id})).await.unwrap();
    fixture.wait_until_finished(&id).await;
    assert_eq!(get(token).await.status(), 401, "the credentials are still valid after the build");
}
