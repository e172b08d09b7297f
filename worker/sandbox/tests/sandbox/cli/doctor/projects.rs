use axum::response::Redirect;
use doorbell_sandbox::account::definition::{BUILD_ROLE, UNPRIVILEGED_BUILD_ROLE, WORKER_ROLE};
use serde_json::{Value, json};

use super::{assert_named, healthy_installation, run_doctor};
use crate::cli::account::RootAccount;
use crate::cli::json as json_output;

/// A git host that redirects the first request of every fetch to this repository; its address.
async fn redirecting_host(path: &'static str) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let moved = Redirect::permanent(&format!("{path}/info/refs?service=git-upload-pack"));
    let service = axum::Router::new().fallback(move || std::future::ready(moved.clone()));
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

#[tokio::test]
async fn doctor_names_broken_project_secret_role_or_forge() {
    let (sandbox, document, _worker) = healthy_installation().await;
    let account = RootAccount(&sandbox);
    let with = |pointer: &str, value: Value| {
        let mut document = document.clone();
        *document.pointer_mut(pointer).unwrap() = value;
        document
    };

    sandbox.account.put_parameter("other", "{\"gitUrl\": 5}").await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "project-other", "failure", "gitUrl");
    sandbox.account.delete_parameter("other").await.unwrap();
    let mut misspelt = document.clone();
    misspelt["timeoutMinute"] = json!(5);
    sandbox.register_project("demo", &misspelt).await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "project-demo", "warning", "is \"timeoutMinutes\" meant?");
    let empty = [("DOORBELL_REGISTRY_PREFIX", "/doorbell/nothing-here")];
    let (broken, _) = run_doctor(&sandbox, &empty).await;
    let says = |name: &str, state: &str, text: &str| {
        broken.iter().any(|one| one.0 == name && one.1 == state && one.2.contains(text))
    };
    assert!(says("registry", "failure", "no project is registered"), "{broken:?}");
    assert!(
        says("worker-role", "failure", "may not ssm:GetParametersByPath on"),
        "its rights end at its own prefix: {broken:?}"
    );

    sandbox.register_project("demo", &document).await.unwrap();
    sandbox.register_project("other", &document).await.unwrap();
    let check = "shared-credential-doorbell/git/demo";
    assert_named(&run_doctor(&sandbox, &[]).await, check, "warning", "serves the projects demo, other");
    sandbox.account.delete_parameter("other").await.unwrap();
    let moved = format!("{}/demo", redirecting_host("/demo.git").await);
    sandbox.register_project("demo", &with("/gitUrl", json!(moved))).await.unwrap();
    let found = run_doctor(&sandbox, &[]).await;
    assert_named(&found, "git-host-demo", "failure", &format!("redirects to {moved}.git; "));
    let explained = json_output(&sandbox, &["explain", "--project", "demo", "--branch", "main"]).await;
    assert!(explained["warnings"][0].as_str().unwrap().contains(&format!("redirects to {moved}.git; ")), "{explained}");
    sandbox.register_project("demo", &with("/gitCredentials/secret", json!("doorbell/git/none"))).await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "secret-doorbell/git/none", "failure", "does not exist");
    sandbox.register_project("demo", &with("/buildProject", json!("nobodys"))).await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "build-project-nobodys", "failure", "has no such project");
    sandbox.register_project("demo", &document).await.unwrap();

    let unrelated = json!({ "Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*" });
    let nothing = json!({ "Version": "2012-10-17", "Statement": [unrelated] });
    account.set_role(BUILD_ROLE, &nothing).await;
    assert_named(
        &run_doctor(&sandbox, &[]).await,
        "build-role-doorbell-build",
        "failure",
        "may not secretsmanager:GetSecretValue",
    );
    account.repair_role(BUILD_ROLE).await;
    account.set_role(WORKER_ROLE, &nothing).await;
    let said = "may not sqs:ReceiveMessage, sqs:DeleteMessage on";
    assert_named(&run_doctor(&sandbox, &[]).await, "worker-role", "failure", said);
    account.repair_role(WORKER_ROLE).await;
    let all = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
    account.set_role(UNPRIVILEGED_BUILD_ROLE, &all).await;
    let check = "build-role-doorbell-build-unprivileged";
    assert_named(&run_doctor(&sandbox, &[]).await, check, "failure", "code from outside could use");
    account.repair_role(UNPRIVILEGED_BUILD_ROLE).await;

    sandbox.account.put_secret("doorbell/report/forge", "not-the-token").await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "forge-demo", "failure", "rejects the token");
    sandbox.account.put_secret("doorbell/report/forge", sandbox.report_token()).await.unwrap();
    sandbox.register_project("demo", &with("/reportTo/url", json!("https://127.0.0.1:1"))).await.unwrap();
    let allowed = [("DOORBELL_ALLOW_PRIVATE_FORGES", "127.0.0.1:1")];
    assert_named(&run_doctor(&sandbox, &allowed).await, "forge-demo", "failure", "it can't be reached");
    sandbox.register_project("demo", &with("/reportTo/repo", json!("nobodys"))).await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "forge-nobodys", "failure", "cannot take status reports");

    sandbox.account.put_secret("doorbell/report/forge", &sandbox.forge.create_hook_token("demo")).await.unwrap();
    sandbox.register_project("demo", &with("/reportTo/type", json!("pagure-ci"))).await.unwrap();
    assert_eq!(run_doctor(&sandbox, &[]).await, (Vec::new(), Some(0)), "a hook's token is tried by the plugin's route");
    sandbox.account.put_secret("doorbell/report/forge", "not-the-token").await.unwrap();
    assert_named(&run_doctor(&sandbox, &[]).await, "forge-demo", "failure", "rejects the token");
    assert!(sandbox.forge.flag_posts().is_empty(), "nothing was written");
}
