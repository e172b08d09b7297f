//! Migration from iwomp-in-aws: its message and its documents, unchanged, under its own prefix.
use doorbell_sandbox::git_host::{EXECUTABLE_FILE, GitLogin};
use doorbell_sandbox::sandbox::{BUILD_PROJECT, Sandbox};
use serde_json::json;

use super::{JOB_TIMEOUT, options};
use crate::forge_log::git_requests;

const TOKEN: &str = "iwomp-canary-4f1d0c";

/// The message of iwomp-in-aws's own `trigger_job.sh`, byte for byte.
const MESSAGE: &str = r#"{"project": "demo", "branch": "master"}"#;

async fn iwomp(default: serde_json::Value, project: serde_json::Value, login: GitLogin) {
    let mut options = options();
    options.prefix = "/iwomp-in-aws".to_owned();
    let sandbox = Sandbox::start(options).await.unwrap();
    let repository = sandbox.forge.create_repository("cdk-demo").await.unwrap();
    let script =
        "#!/bin/sh\n[ \"$1\" = master ] && [ \"$PROJECTNAME\" = demo ] && [ \"$GITBRANCH\" = master ] && [ -f here ]\n";
    let files = [("deploy/here", EXECUTABLE_FILE, ""), ("deploy/deploy.sh", EXECUTABLE_FILE, script)];
    repository.commit("master", &files, "a deployment").await.unwrap();
    repository.make_private(&[login]);
    let mut document = json!({ "gitUrl": repository.url(), "gitBranch": "master", "command": "./deploy.sh" });
    document.as_object_mut().unwrap().extend(project.as_object().unwrap().clone());
    sandbox.account.put_parameter("_default", &default.to_string()).await.unwrap();
    sandbox.account.put_parameter("demo", &document.to_string()).await.unwrap();
    let worker = sandbox.start_worker(&[("DOORBELL_DEFAULT_BUILD_PROJECT", BUILD_PROJECT)]).await.unwrap();
    sandbox.account.publish(MESSAGE).await.unwrap();
    let job = loop {
        if let Some(job) = sandbox.jobs().await.unwrap().pop() {
            break sandbox.wait_until_settled(job.key(), JOB_TIMEOUT).await.unwrap();
        }
    };
    let log = build_log(&sandbox, job.key()).await;
    assert_eq!(job.status(), "success", "{job:?}\n{log}");
    assert!(git_requests(&sandbox.forge) > 0, "the repository was fetched");
    for (place, text) in [("row", job.json().to_string()), ("log", worker.log().unwrap()), ("build's log", log)] {
        assert!(!text.contains(TOKEN), "the credential is in the {place}");
    }
    assert!(worker.log().unwrap().contains("move it to Secrets Manager"), "the owner is warned");
}

async fn build_log(sandbox: &Sandbox, key: &str) -> String {
    let build = sandbox.builds_of(key).pop().unwrap();
    let uuid = build.id.split(':').nth(1).unwrap().to_owned();
    let url = format!("{}/builds/{uuid}/log", sandbox.codebuild.url());
    let ca = reqwest::Certificate::from_pem(sandbox.account.ca().ca_pem().as_bytes()).unwrap();
    let client = reqwest::Client::builder().tls_certs_only([ca]).build().unwrap();
    client.get(url).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn default_document_token_and_directory_apply_to_projects() {
    let default = json!({ "authToken": TOKEN, "deployDir": "deploy" });
    iwomp(default, json!({}), GitLogin::Bearer(TOKEN.to_owned())).await;
}

#[tokio::test]
async fn project_password_overrides_default_document() {
    let default = json!({ "basicUsername": "robot", "basicPassword": "wrong", "deployDir": "." });
    let login = GitLogin::Basic { username: "robot".to_owned(), password: TOKEN.to_owned() };
    iwomp(default, json!({ "basicPassword": TOKEN, "deployDir": "deploy" }), login).await;
}
