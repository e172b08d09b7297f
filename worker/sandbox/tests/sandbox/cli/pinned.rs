//! What `doorbell` says of a project whose build project fixes what it builds.
use doorbell_sandbox::sandbox::{PINNED_BUILD_PROJECT, Sandbox};
use serde_json::{Value, json};

use super::{doorbell, json as json_output};
use crate::e2e::{PASSING_SCRIPT, register_demo, start_sandbox};

/// A sandbox with the pinned project `demo`, and its document.
async fn pinned_demo() -> (Sandbox, Value) {
    let sandbox = start_sandbox().await;
    let (repository, _) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    sandbox.pin_project("demo", document.clone()).await.unwrap();
    document["pinned"] = json!(true);
    document["buildProject"] = json!(PINNED_BUILD_PROJECT);
    (sandbox, document)
}

#[tokio::test]
async fn pinned_document_is_replaced_only_with_force() {
    let (sandbox, mut document) = pinned_demo().await;
    let file = sandbox.account.dir().join("demo.json");
    let put = ["project", "put", "demo", file.to_str().unwrap(), "--yes"];
    for pinned in [true, false] {
        document["pinned"] = json!(pinned);
        document["timeoutMinutes"] = json!(7);
        std::fs::write(&file, document.to_string()).unwrap();
        let refused = doorbell(&sandbox, &put).await;
        assert_eq!(refused.code, Some(1), "{}{}", refused.stdout, refused.stderr);
        assert!(refused.stdout.contains("Terraform writes this document"), "{}", refused.stdout);
    }
    assert_eq!(json_output(&sandbox, &["project", "show", "demo"]).await["document"]["timeoutMinutes"], 5);
    let forced = doorbell(&sandbox, &[&put[..], &["--force"]].concat()).await;
    assert_eq!(forced.code, Some(0), "{}{}", forced.stdout, forced.stderr);
    assert_eq!(json_output(&sandbox, &["project", "show", "demo"]).await["document"]["timeoutMinutes"], 7);
}

#[tokio::test]
async fn pinned_document_is_removed_only_with_force() {
    let (sandbox, _) = pinned_demo().await;
    let remove = ["project", "remove", "demo", "--yes"];
    let refused = doorbell(&sandbox, &remove).await;
    assert_eq!(refused.code, Some(1), "{}{}", refused.stdout, refused.stderr);
    assert!(refused.stdout.contains("Terraform writes this document"), "{}", refused.stdout);
    assert!(refused.stderr.contains("remove the project in Terraform"), "{}", refused.stderr);
    assert_eq!(json_output(&sandbox, &["project", "show", "demo"]).await["document"]["timeoutMinutes"], 5);
    let forced = json_output(&sandbox, &[&remove[..], &["--force"]].concat()).await;
    assert_eq!(forced["done"], true);
    assert_eq!(doorbell(&sandbox, &["project", "show", "demo"]).await.code, Some(3));
}

#[tokio::test]
async fn explain_and_lint_say_what_comes_from_terraform() {
    let (sandbox, _) = pinned_demo().await;
    let explained = doorbell(&sandbox, &["explain", "--project", "demo", "--branch", "main"]).await;
    assert!(explained.stdout.contains("come from Terraform"), "{}{}", explained.stdout, explained.stderr);
    let explained = json_output(&sandbox, &["explain", "--project", "demo", "--branch", "main"]).await;
    assert_eq!((&explained["verdict"], &explained["pinned"]), (&json!("built"), &json!(true)));
    let linted = doorbell(&sandbox, &["project", "lint"]).await;
    assert_eq!(linted.code, Some(0), "{}{}", linted.stdout, linted.stderr);
    assert!(linted.stdout.contains("demo: valid") && linted.stdout.contains("note: command"), "{}", linted.stdout);
}

#[tokio::test]
async fn doctor_compares_a_build_project_with_its_document() {
    let (sandbox, mut document) = pinned_demo().await;
    let check = async || {
        let report = sandbox.doorbell(&["doctor", "--output", "json"], &[]).await.unwrap();
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap().clone();
        let one = checks.into_iter().find(|check| check["check"] == "pinned-demo").expect("it is checked");
        (one["state"].as_str().unwrap().to_owned(), one["message"].as_str().unwrap().to_owned())
    };
    assert_eq!(check().await.0, "ok");
    document["command"] = json!("./other.sh");
    document["refs"] = json!(["heads/*"]);
    sandbox.register_project("demo", &document).await.unwrap();
    let (state, message) = check().await;
    assert!(state == "failure" && message.contains("DOORBELL_PROGRAM, DOORBELL_REFS"), "{state}: {message}");
    document["pinned"] = json!(false);
    sandbox.register_project("demo", &document).await.unwrap();
    let (state, message) = check().await;
    assert!(state == "failure" && message.contains("its document is not"), "{state}: {message}");
    document["pinned"] = json!(true);
    document["buildProject"] = json!("doorbell-build");
    sandbox.register_project("demo", &document).await.unwrap();
    let (state, message) = check().await;
    assert!(state == "failure" && message.contains("every build ends with 240"), "{state}: {message}");
}
