//! Builds that run to completion.
use super::*;

#[tokio::test]
async fn build_runs_commands_of_every_phase_and_succeeds() {
    let fixture = CodeBuildFixture::new().await;
    let fixture = fixture
        .with_phases(&json!({
            "install": {"commands": ["export KEPT=kept; mkdir sub; cd sub"]},
            "build": {"commands": [
                "echo \"$KEPT ${PWD##*/} $NAME $OF_MACHINE\"",
                "echo \"$CODEBUILD_BUILD_ID $CODEBUILD_BUILD_NUMBER $CODEBUILD_INITIATOR $AWS_REGION\"",
                "echo \"path $PATH\"; test -d \"$CODEBUILD_SRC_DIR\" && test -d \"$HOME\" && test -z \"$CARGO_MANIFEST_DIR\"",
            ]},
        }))
        .await;
    let id =
        fixture.start(json!({"environmentVariablesOverride": [plaintext("NAME", "it's a \"name\"")]})).await.unwrap();
    let build = fixture.wait_until_finished(&id).await;
    let log = fixture.wait_for_log(&id, "").await;
    assert_eq!(build["buildStatus"], "SUCCEEDED", "{log}");
    assert_eq!(build["currentPhase"], "COMPLETED");
    let expected = [
        "SUBMITTED",
        "QUEUED",
        "PROVISIONING",
        "DOWNLOAD_SOURCE",
        "INSTALL",
        "PRE_BUILD",
        "BUILD",
        "POST_BUILD",
        "UPLOAD_ARTIFACTS",
        "FINALIZING",
    ]
    .map(|phase| (phase.to_owned(), "SUCCEEDED".to_owned()));
    let shown = phases(&build);
    assert_eq!(shown[..expected.len()], expected);
    assert_eq!(shown[expected.len()..], [("COMPLETED".to_owned(), "-".to_owned())]);
    assert!(log.contains("kept sub it's a \"name\" machine\n"), "{log}");
    assert!(log.contains(&format!("{id} 1 root eu-central-1\n")), "{log}");
    assert!(log.contains("path /a/runners/directory:"), "{log}");
    let uuid = id.split_once(':').unwrap().1;
    assert_eq!(build["arn"], format!("arn:aws:codebuild:eu-central-1:111122223333:build/{id}"));
    assert_eq!(build["logs"]["groupName"], "/aws/codebuild/demo");
    assert_eq!(build["logs"]["streamName"], uuid);
    assert!(build["startTime"].as_f64().unwrap() <= build["endTime"].as_f64().unwrap());
    assert!(!fixture.dir.path().join(uuid).exists(), "the build's directory still exists");
}

#[tokio::test]
async fn failed_command_is_reported_and_post_build_still_runs() {
    let fixture = CodeBuildFixture::new().await;
    let fixture = fixture
        .with_phases(&json!({
            "build": {"commands": ["sh -c 'exit 3'", "echo not reached"], "finally": ["echo at last"]},
            "post_build": {"commands": ["echo succeeding=$CODEBUILD_BUILD_SUCCEEDING"]},
        }))
        .await;
    let id = fixture.start(json!({})).await.unwrap();
    let build = fixture.wait_until_finished(&id).await;
    assert_eq!(build["buildStatus"], "FAILED");
    let context = json!({
        "statusCode": "COMMAND_EXECUTION_ERROR",
        "message": "Error while executing command: sh -c 'exit 3'. Reason: exit status 3",
    });
    assert_eq!(context_of(&build, "BUILD"), &context);
    let log = fixture.wait_for_log(&id, "succeeding=0\n").await;
    assert!(log.contains("\nat last\n") && !log.contains("\nnot reached\n"), "{log}");
    let announced = log.find("Running command sh -c 'exit 3'").unwrap();
    let ended = log.find("Phase complete: BUILD State: FAILED").unwrap();
    assert!(announced < log.find("\nat last\n").unwrap() && log.find("\nat last\n").unwrap() < ended, "{log}");
}

#[tokio::test]
async fn a_failed_install_skips_the_build() {
    let fixture = CodeBuildFixture::new().await;
    let phases_of_spec = json!({"install": {"commands": ["exit 7"]}, "build": {"commands": ["true"]}});
    let fixture = fixture.with_phases(&phases_of_spec).await;
    let id = fixture.start(json!({})).await.unwrap();
    let build = fixture.wait_until_finished(&id).await;
    assert_eq!(
        context_of(&build, "INSTALL")["message"],
        "Error while executing command: exit 7. Reason: exit status 7"
    );
    let names: Vec<_> = phases(&build).into_iter().map(|(name, _)| name).skip(4).collect();
    assert_eq!(names, ["INSTALL", "FINALIZING", "COMPLETED"]);
}

#[tokio::test]
async fn build_without_role_or_buildspec_ends_as_client_error() {
    let check = async |changes: Value, phase: &str, status_code: &str| {
        let fixture = CodeBuildFixture::new().await.with_project(&changes).await;
        let id = fixture.start(json!({})).await.unwrap();
        let build = fixture.wait_until_finished(&id).await;
        assert_eq!(build["buildStatus"], "FAILED");
        assert!(phases(&build).contains(&(phase.to_owned(), "CLIENT_ERROR".to_owned())), "{build:#}");
        assert_eq!(context_of(&build, phase)["statusCode"], status_code);
    };
    check(json!({"serviceRole": "arn:aws:iam::111122223333:role/gone"}), "QUEUED", "ACCESS_DENIED").await;
    let source = json!({"type": "NO_SOURCE", "buildspec": "version: 0.2\nphasen: {}\n"});
    check(json!({"source": source}), "DOWNLOAD_SOURCE", "YAML_FILE_ERROR").await;
}
