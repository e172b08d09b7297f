//! Who may call what.
use super::*;

#[tokio::test]
async fn a_call_is_refused_unless_its_signature_is_right() {
    let stage = Stage::set().await.with_commands(&["true"]).await;
    let check = async |change: fn(&mut Key), code: &str| {
        let mut key = worker_key();
        change(&mut key);
        let refusal = call(&stage.root.with_key(key), "StartBuild", json!({"projectName": "demo"})).await.unwrap_err();
        assert_eq!((refusal.status, refusal.code.as_str()), (400, code), "{refusal}");
    };
    check(|key| key.secret_access_key.push('x'), "InvalidSignatureException").await;
    check(|key| key.access_key_id.push('x'), "UnrecognizedClientException").await;
    check(|key| key.session_token = None, "UnrecognizedClientException").await;
    check(|key| key.session_token = Some("another".to_owned()), "UnrecognizedClientException").await;
    let unsigned = stage.http().post(stage.codebuild.url()).header("x-amz-target", "CodeBuild_20161006.StartBuild");
    let answer = unsigned.body("{}").send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.headers().contains_key("date"));
    let answer: Value = answer.json().await.unwrap();
    assert_eq!(answer["__type"], "MissingAuthenticationTokenException");
    assert!(stage.codebuild.controls.builds().is_empty());
    assert_eq!(stage.codebuild.controls.calls()["StartBuild"], 5);
}

#[tokio::test]
async fn iam_is_asked_about_everybody_but_root() {
    let stage = Stage::set().await.with_commands(&["true"]).await;
    stage.call("CreateProject", project(&json!({"name": "other"}))).await.unwrap();
    let worker = stage.root.with_key(worker_key());
    let started = call(&worker, "StartBuild", json!({"projectName": "demo"})).await.unwrap();
    assert_eq!(started["build"]["initiator"], "worker/task");
    let check = async |action: &str, input: Value, project: &str| {
        let refusal = call(&worker, action, input).await.unwrap_err();
        assert_eq!(refusal.code, "AccessDeniedException");
        let begin = format!(
            "User: arn:aws:sts::111122223333:assumed-role/worker/task is not authorized to perform: codebuild:{action} \
             on resource: arn:aws:codebuild:eu-central-1:111122223333:project/{project}"
        );
        assert!(refusal.message.starts_with(&begin), "{refusal}");
    };
    check("StartBuild", json!({"projectName": "other"}), "other").await;
    check("BatchGetBuilds", json!({"ids": ["demo:1", "other:1"]}), "demo").await;
    check("StopBuild", json!({"id": started["build"]["id"]}), "demo").await;
    check("DeleteProject", json!({"name": "demo"}), "demo").await;
    check("ListBuildsForProject", json!({"projectName": "demo"}), "demo").await;
}

#[tokio::test]
async fn what_is_not_implemented_is_refused_by_its_name() {
    let stage = Stage::set().await.with_commands(&["true"]).await;
    let check = async |action: &str, input: Value, named: &str| {
        let refusal = stage.call(action, input).await.unwrap_err();
        assert_eq!(refusal.code, "InvalidInputException");
        assert!(refusal.message.contains(named), "{refusal}");
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
    let unknown = stage.call("StartBuildBatch", json!({})).await.unwrap_err();
    assert_eq!(unknown.code, "UnknownOperationException");
    assert!(stage.codebuild.controls.builds().is_empty());
}

#[tokio::test]
async fn a_project_is_created_changed_shown_and_deleted() {
    let stage = Stage::set().await.with_project(&json!({"concurrentBuildLimit": 3})).await;
    let again = stage.call("CreateProject", project(&json!({}))).await.unwrap_err();
    assert_eq!(again.code, "ResourceAlreadyExistsException");
    stage.call("UpdateProject", json!({"name": "demo", "timeoutInMinutes": 7})).await.unwrap();
    let names = json!({"names": ["demo", "none"]});
    let answer = stage.call("BatchGetProjects", names.clone()).await.unwrap();
    assert_eq!(answer["projects"][0]["timeoutInMinutes"], 7);
    assert_eq!(answer["projects"][0]["concurrentBuildLimit"], 3);
    assert_eq!(answer["projects"][0]["arn"], "arn:aws:codebuild:eu-central-1:111122223333:project/demo");
    assert_eq!(answer["projectsNotFound"], json!(["none"]));
    stage.call("DeleteProject", json!({"name": "demo"})).await.unwrap();
    assert_eq!(stage.start(json!({})).await.unwrap_err().code, "ResourceNotFoundException");
}

#[tokio::test]
async fn a_reply_can_be_held_while_the_build_exists() {
    let stage = Stage::set().await.with_commands(&["true"]).await;
    let controls = stage.codebuild.controls.clone();
    controls.hold_replies_of("StartBuild");
    let token = json!({"idempotencyToken": "one"});
    tokio::select! {
        _ = stage.start(token.clone()) => panic!("the reply was not held"),
        () = controls.until_held(1) => {}
    }
    // The caller is gone, as after a kill; the build is there.
    let built = controls.builds();
    assert_eq!(built.len(), 1);
    controls.release();
    assert_eq!(stage.start(token).await.unwrap(), built[0].id);
    assert_eq!(controls.builds().len(), 1);
}

#[tokio::test]
async fn a_forgotten_build_is_found_by_no_call() {
    let stage = Stage::set().await.with_commands(&["true"]).await;
    let job = json!({"environmentVariablesOverride": [plaintext("DOORBELL_JOB_ID", "job")]});
    let id = stage.start(job).await.unwrap();
    stage.codebuild.controls.forget(&id);
    let answer = stage.call("BatchGetBuilds", json!({"ids": [id]})).await.unwrap();
    assert_eq!(answer, json!({"builds": [], "buildsNotFound": [id]}));
    let listed = stage.call("ListBuildsForProject", json!({"projectName": "demo"})).await.unwrap();
    assert_eq!(listed, json!({"ids": []}));
    let views = stage.codebuild.controls.builds();
    assert_eq!((views[0].id.as_str(), views[0].job_id.as_deref()), (id.as_str(), Some("job")));
}

#[tokio::test]
async fn only_a_builds_own_name_leads_to_a_log() {
    let stage = Stage::set().await;
    std::fs::write(stage.dir.path().join("other.log"), "private").unwrap();
    assert!(Path::new(&stage.dir.path().join("other.log")).exists());
    let get = async |name: &str| {
        stage.http().get(format!("{}/builds/{name}/log", stage.codebuild.url())).send().await.unwrap()
    };
    assert_eq!(get("other").await.status(), 404);
    assert_eq!(get("..%2Fother").await.status(), 404);
}
