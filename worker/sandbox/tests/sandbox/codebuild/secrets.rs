//! What builds are entrusted with.
use super::*;

#[tokio::test]
async fn secrets_are_read_with_the_builds_role_and_masked_in_the_log() {
    let commands = ["test \"$TOKEN$NUMBER$PARAMETER\" = s3cret-value7p4rameter && printf 'a %s b' \"$TOKEN\""];
    let stage = Stage::set().await.with_commands(&commands).await;
    let variables = json!([
        {"name": "TOKEN", "value": "git:token", "type": "SECRETS_MANAGER"},
        {"name": "NUMBER", "value": "git:number", "type": "SECRETS_MANAGER"},
        {"name": "PARAMETER", "value": "/doorbell/demo", "type": "PARAMETER_STORE"},
    ]);
    let id = stage.start(json!({"environmentVariablesOverride": variables})).await.unwrap();
    let build = stage.finished(&id).await;
    let log = stage.log_with(&id, "").await;
    assert_eq!(build["buildStatus"], "SUCCEEDED", "{log}");
    assert!(log.contains("a *** b") && !log.contains(SECRET), "{log}");
    assert_eq!(build["environment"]["environmentVariables"], variables);
    assert_eq!(*stage.account.roles.lock().unwrap(), [ROLE]);
    let lines = stage.account.lines.lock().unwrap();
    assert_eq!(lines.iter().map(|line| format!("{line}\n")).collect::<String>(), log);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_fails_the_build_before_its_first_command() {
    let stage = Stage::set().await.with_commands(&["true"]).await;
    let check = async |kind: &str, value: &str, status_code: &str, message: &str| {
        let variable = json!([{"name": "A", "value": value, "type": kind}]);
        let id = stage.start(json!({"environmentVariablesOverride": variable})).await.unwrap();
        let build = stage.finished(&id).await;
        assert_eq!(build["buildStatus"], "FAILED");
        assert_eq!(context_of(&build, "DOWNLOAD_SOURCE"), &json!({"statusCode": status_code, "message": message}));
        assert_eq!(phases(&build)[4].0, "FINALIZING");
    };
    let missing = "ResourceNotFoundException: the test says so";
    check("SECRETS_MANAGER", "other", "Secrets Manager Error Message", missing).await;
    let no_key = "key none does not exist in secret git";
    check("SECRETS_MANAGER", "git:none", "Secrets Manager Error Message", no_key).await;
    check("PARAMETER_STORE", "/other", "Decrypted Variables Error", "ParameterNotFound: the test says so").await;
}

#[tokio::test]
async fn the_commands_of_a_build_get_its_roles_keys_and_nobody_else_does() {
    let commands = ["echo \"at=$AWS_CONTAINER_CREDENTIALS_FULL_URI;$AWS_CONTAINER_AUTHORIZATION_TOKEN;\"; sleep 100"];
    let stage = Stage::set().await.with_commands(&commands).await;
    let id = stage.start(json!({})).await.unwrap();
    let log = stage.log_with(&id, "\nat=").await;
    let line = log.lines().find(|line| line.starts_with("at=")).unwrap();
    let mut parts = line.trim_start_matches("at=").split(';');
    let (uri, token) = (parts.next().unwrap(), parts.next().unwrap());
    let get = async |token: &str| stage.http().get(uri).header("authorization", token).send().await.unwrap();
    let credentials: Value = get(token).await.json().await.unwrap();
    assert_eq!(credentials["AccessKeyId"], "ASIABUILD");
    assert_eq!(credentials["Token"], "build-session");
    assert_eq!(get("another").await.status(), 401);
    stage.call("StopBuild", json!({"id": id})).await.unwrap();
    stage.finished(&id).await;
    assert_eq!(get(token).await.status(), 401, "the keys outlive the build");
}
