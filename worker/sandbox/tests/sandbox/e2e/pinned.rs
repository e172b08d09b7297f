//! Pinned build projects: the owner fixes repository, command and secret where no worker can change them.
use doorbell_sandbox::git_host::{EXECUTABLE_FILE, GitLogin};
use doorbell_sandbox::sandbox::{BUILD_PROJECT, PINNED_BUILD_PROJECT};
use serde_json::json;

use super::{JOB_TIMEOUT, PASSING_SCRIPT, register_demo, single_flag, start_sandbox, trigger};

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

/// During an apply, or with a worker that does not know `pinned`, a start has variables that the policy denies. A renamed
/// build project is denied as well. Both jobs wait, and build once when their documents are right.
#[tokio::test]
async fn waiting_jobs_survive_pinning_and_a_renamed_build_project() {
    let sandbox = start_sandbox().await;
    let (repository, _) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    sandbox.pin_project("demo", document.clone()).await.unwrap();
    let named = |build_project: &str| {
        let mut named = document.clone();
        named["buildProject"] = json!(build_project);
        named
    };
    sandbox.register_project("demo", &named(PINNED_BUILD_PROJECT)).await.unwrap();
    sandbox.register_project("renamed", &named("doorbell--renamed-0a1b2c3d")).await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let mut keys = Vec::new();
    for project in ["demo", "renamed"] {
        let key = trigger(&sandbox, &[project, "main"]).await;
        let denied = |job: &doorbell_sandbox::job::Job| job.json().to_string().contains("not authorized to perform");
        sandbox.wait_for_job(&key, JOB_TIMEOUT, denied).await.unwrap();
        assert!(sandbox.builds_of(&key).is_empty());
        keys.push(key);
    }
    let mut pinned = named(PINNED_BUILD_PROJECT);
    pinned["pinned"] = json!(true);
    sandbox.register_project("demo", &pinned).await.unwrap();
    sandbox.register_project("renamed", &named(BUILD_PROJECT)).await.unwrap();
    for (key, build_project) in keys.iter().zip([PINNED_BUILD_PROJECT, BUILD_PROJECT]) {
        let job = sandbox.wait_until_settled(key, JOB_TIMEOUT * 2).await.unwrap();
        assert_eq!(job.status(), "success", "{job:?}");
        let builds = sandbox.builds_of(key);
        assert_eq!(builds.iter().map(|build| build.project.as_str()).collect::<Vec<_>>(), [build_project]);
    }
}

/// The worker has the document from before the apply, and the policy is not applied yet: the build runs what its project
/// fixes already, and not what the worker sends.
#[tokio::test]
async fn unpinned_document_builds_what_its_project_fixes() {
    let sandbox = start_sandbox().await;
    let (repository, _) = register_demo(&sandbox, "#!/bin/sh\nexit 1\n").await;
    repository.commit("main", &[("fixed.sh", EXECUTABLE_FILE, PASSING_SCRIPT)], "the fixed command").await.unwrap();
    let fixed = [
        ("DOORBELL_PINNED", "1"),
        ("DOORBELL_PROGRAM", r#"["./fixed.sh"]"#),
        ("DOORBELL_APPEND_REF", "0"),
        ("DOORBELL_REFS", r#"["heads/main"]"#),
        ("DOORBELL_VARIABLES", "[]"),
    ];
    let variables = fixed.map(|(name, value)| json!({ "name": name, "value": value }));
    let environment = json!({
        "type": "LINUX_CONTAINER", "image": "doorbell-build", "computeType": "BUILD_GENERAL1_SMALL",
        "environmentVariables": variables,
    });
    let root = sandbox.codebuild_client(sandbox.account.emulator().root_key()).unwrap();
    let update = json!({ "name": BUILD_PROJECT, "environment": environment });
    root.json("codebuild", "CodeBuild_20161006.UpdateProject", update).await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!(job.status(), "success", "{job:?}");
}
