//! Permissions and inputs of API calls.
use super::*;

#[tokio::test]
async fn codebuild_call_with_wrong_signature_is_rejected() {
    let fixture = CodeBuildFixture::new().await.with_commands(&["true"]).await;
    let check = async |change: fn(&mut AccessKey), code: &str| {
        let mut key = worker_key();
        change(&mut key);
        let error = call(&fixture.root.with_key(key), "StartBuild", json!({"projectName": "demo"})).await.unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (400, code), "{error}");
    };
    check(|key| key.secret_access_key.push('x'), "InvalidSignatureException").await;
    check(|key| key.access_key_id.push('x'), "UnrecognizedClientException").await;
    check(|key| key.session_token = None, "UnrecognizedClientException").await;
    check(|key| key.session_token = Some("another".to_owned()), "UnrecognizedClientException").await;
    let unsigned = fixture.http().post(fixture.codebuild.url()).header("x-amz-target", "CodeBuild_20161006.StartBuild");
    let response = unsigned.body("{}").send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.headers().contains_key("date"));
    let response: Value = response.json().await.unwrap();
    assert_eq!(response["__type"], "MissingAuthenticationTokenException");
    assert!(fixture.codebuild.controls.builds().is_empty());
    assert_eq!(fixture.codebuild.controls.call_counts()["StartBuild"], 5);
}

#[tokio::test]
async fn iam_check_applies_to_every_caller_except_root() {
    let fixture = CodeBuildFixture::new().await.with_commands(&["true"]).await;
    fixture.call("CreateProject", project(&json!({"name": "other"}))).await.unwrap();
    let worker = fixture.root.with_key(worker_key());
    let started = call(&worker, "StartBuild", json!({"projectName": "demo"})).await.unwrap();
    assert_eq!(started["build"]["initiator"], "worker/task");
    let check = async |action: &str, input: Value, project: &str| {
        let error = call(&worker, action, input).await.unwrap_err();
        assert_eq!(error.code, "AccessDeniedException");
        let begin = format!(
            "User: arn:aws:sts::111122223333:assumed-role/worker/task is not authorized to perform: codebuild:{action} \
             on resource: arn:aws:codebuild:eu-central-1:111122223333:project/{project}"
        );
        assert!(error.message.starts_with(&begin), "{error}");
    };
    check("StartBuild", json!({"projectName": "other"}), "other").await;
    check("BatchGetBuilds", json!({"ids": ["demo:1", "other:1"]}), "demo").await;
    check("StopBuild", json!({"id": started["build"]["id"]}), "demo").await;
    check("DeleteProject", json!({"name": "demo"}), "demo").await;
    check("ListBuildsForProject", json!({"projectName": "demo"}), "demo").await;
}

#[tokio::test]
async fn unsupported_codebuild_input_is_rejected_by_name() {
    let fixture = CodeBuildFixture::new().await.with_commands(&["true"]).await;
    let check = async |action: &str, input: Value, named: &str| {
        let error = fixture.call(action, input).await.unwrap_err();
        assert_eq!(error.code, "InvalidInputException");
        assert!(error.message.contains(named), "{error}");
    };
    for (name, value) in [
        ("buildspecOverride", json!("version: 0.2")),
        ("imageOverride", json!("other")),
        ("sourceVersion", json!("main")),
        ("privilegedModeOverride", json!(true)),
    ] {
        check("StartBuild", json!({"projectName": "demo", name: value}), name).await;
    }
    check("StartBuild", json!({"projectName": "demo", "timeoutInMinutesOverride": 4}), "timeoutInMinutes").await;
    check("StartBuild", json!({"projectName": "demo", "idempotencyToken": "x".repeat(65)}), "token").await;
    let git = json!({"name": "git", "source": {"type": "GITHUB", "buildspec": "x"}});
    check("CreateProject", project(&git), "NO_SOURCE").await;
    check("CreateProject", project(&json!({"name": "vpc", "vpcConfig": {}})), "vpcConfig").await;
    check("BatchGetBuilds", json!({"ids": vec!["demo:1"; 101]}), "101").await;
    let unknown = fixture.call("StartBuildBatch", json!({})).await.unwrap_err();
    assert_eq!(unknown.code, "UnknownOperationException");
    assert!(fixture.codebuild.controls.builds().is_empty());
}

#[tokio::test]
async fn build_project_can_be_created_updated_read_and_deleted() {
    let fixture = CodeBuildFixture::new().await.with_project(&json!({"concurrentBuildLimit": 3})).await;
    let again = fixture.call("CreateProject", project(&json!({}))).await.unwrap_err();
    assert_eq!(again.code, "ResourceAlreadyExistsException");
    fixture.call("UpdateProject", json!({"name": "demo", "timeoutInMinutes": 7})).await.unwrap();
    let names = json!({"names": ["demo", "none"]});
    let response = fixture.call("BatchGetProjects", names.clone()).await.unwrap();
    assert_eq!(response["projects"][0]["timeoutInMinutes"], 7);
    assert_eq!(response["projects"][0]["concurrentBuildLimit"], 3);
    assert_eq!(response["projects"][0]["arn"], "arn:aws:codebuild:eu-central-1:111122223333:project/demo");
    assert_eq!(response["projectsNotFound"], json!(["none"]));
    fixture.call("DeleteProject", json!({"name": "demo"})).await.unwrap();
    assert_eq!(fixture.start(json!({})).await.unwrap_err().code, "ResourceNotFoundException");
}

#[tokio::test]
async fn held_start_reply_leaves_build_running() {
    let fixture = CodeBuildFixture::new().await.with_commands(&["true"]).await;
    let controls = fixture.codebuild.controls.clone();
    controls.hold_replies("StartBuild");
    let token = json!({"idempotencyToken": "one"});
    tokio::select! {
        _ = fixture.start(token.clone()) => panic!("the reply was not held"),
        () = controls.wait_until_held(1) => {}
    }
    // The caller has disconnected, as after a kill; the build exists.
    let built = controls.builds();
    assert_eq!(built.len(), 1);
    controls.release_replies();
    assert_eq!(fixture.start(token).await.unwrap(), built[0].id);
    assert_eq!(controls.builds().len(), 1);
}

#[tokio::test]
async fn forgotten_build_is_missing_from_all_calls() {
    let fixture = CodeBuildFixture::new().await.with_commands(&["true"]).await;
    let job = json!({"environmentVariablesOverride": [plaintext("DOORBELL_JOB_ID", "job")]});
    let id = fixture.start(job).await.unwrap();
    fixture.codebuild.controls.forget(&id);
    let response = fixture.call("BatchGetBuilds", json!({"ids": [id]})).await.unwrap();
    assert_eq!(response, json!({"builds": [], "buildsNotFound": [id]}));
    let listed = fixture.call("ListBuildsForProject", json!({"projectName": "demo"})).await.unwrap();
    assert_eq!(listed, json!({"ids": []}));
    let views = fixture.codebuild.controls.builds();
    assert_eq!((views[0].id.as_str(), views[0].job_id.as_deref()), (id.as_str(), Some("job")));
}

#[tokio::test]
async fn build_log_link_serves_only_known_builds() {
    let fixture = CodeBuildFixture::new().await;
    std::fs::write(fixture.dir.path().join("other.log"), "private").unwrap();
    assert!(Path::new(&fixture.dir.path().join("other.log")).exists());
    let get = async |name: &str| {
        fixture.http().get(format!("{}/builds/{name}/log", fixture.codebuild.url())).send().await.unwrap()
    };
    assert_eq!(get("other").await.status(), 404);
    assert_eq!(get("..%2Fother").await.status(), 404);
}
