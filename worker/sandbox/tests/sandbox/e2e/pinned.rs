//! Pinned build projects: the owner fixes repository, command and secret where no worker can change them.
use doorbell_sandbox::git_host::{EXECUTABLE_FILE, GitLogin};
use doorbell_sandbox::sandbox::PINNED_BUILD_PROJECT;
use serde_json::json;

use super::{JOB_TIMEOUT, register_demo, single_flag, start_sandbox, trigger};

const SCRIPT: &str = "#!/bin/sh\n[ \"$1\" = main ] && [ \"$STAGE\" = blue ] && [ -n \"$DOORBELL_COMMIT\" ]\n";
const TOKEN: &str = "pinned-canary-5b2a91";

#[tokio::test]
async fn pinned_project_builds_with_its_own_secret_and_command() {
    let sandbox = start_sandbox().await;
    let (repository, commit) = register_demo(&sandbox, SCRIPT).await;
    repository.make_private(&[GitLogin::Basic { username: "robot".to_owned(), password: TOKEN.to_owned() }]);
    let secret = json!({ "username": "robot", "password": TOKEN });
    sandbox.account.put_secret("doorbell/git/demo", &secret.to_string()).await.unwrap();
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["variables"] = json!(["STAGE"]);
    document["gitCredentials"] = json!({ "secret": "doorbell/git/demo" });
    sandbox.pin_project("demo", document).await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let arguments = ["demo", "main", "--commit", commit.as_str(), "--var", "STAGE=blue"];
    let key = trigger(&sandbox, &arguments).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!(job.status(), "success", "{job:?}");
    assert_eq!(single_flag(&sandbox, &commit).status.as_str(), "success");
    let [build] = sandbox.builds_of(&key).try_into().unwrap();
    assert!(build.id.starts_with(&format!("{PINNED_BUILD_PROJECT}:")), "{}", build.id);
    assert!(!job.json().to_string().contains("DOORBELL_GIT_URL"), "the row holds what the worker sends: {job:?}");
}

/// The document and the build project differ, for instance while an apply is under way: the stricter of both holds.
#[tokio::test]
async fn document_that_allows_more_than_its_build_project_fails() {
    let sandbox = start_sandbox().await;
    let (repository, _) = register_demo(&sandbox, "#!/bin/sh\nexit 0\n").await;
    let other = repository.commit("other", &[("ci.sh", EXECUTABLE_FILE, "#!/bin/sh\n")], "other").await.unwrap();
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    document["refs"] = json!(["heads/main"]);
    sandbox.pin_project("demo", document.clone()).await.unwrap();
    document["refs"] = json!(["heads/*"]);
    document["pinned"] = json!(true);
    document["buildProject"] = json!(PINNED_BUILD_PROJECT);
    sandbox.register_project("demo", &document).await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "other"]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!(job.status(), "error", "{job:?}");
    assert!(job.result_message().unwrap_or_default().contains("runner code 240"), "{job:?}");
    assert_eq!(single_flag(&sandbox, &other).status.as_str(), "error");
}
