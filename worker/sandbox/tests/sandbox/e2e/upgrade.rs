//! Old and new side by side, in the order of `docs/upgrade.md`.
//!
//! The repository keeps no old binaries, so the old side is what an old version leaves behind or does: rows in the form of
//! commit e9600a2, the last one before pinned build projects, and a runner that does not see the mark of a pinned one.
use doorbell_sandbox::account::definition::JOBS_TABLE;
use doorbell_sandbox::sandbox::{BUILD_PROJECT, PINNED_BUILD_PROJECT, Sandbox};
use serde_json::{Value, json};

use super::{JOB_TIMEOUT, PASSING_SCRIPT, flag_history, register_demo, start_sandbox, trigger};

/// Never regenerated: the form of an older version cannot change.
const OLDER_ROWS: &str = include_str!("../../../fixtures/upgrade/rows.json");

/// A runner of before the mark: the build's environment has it, and this runner does not know it.
const OLDER_RUNNER: &str =
    "version: 0.2\nphases:\n  build:\n    commands:\n      - env -u DOORBELL_PINNED doorbell-runner\n";
const RUNNER: &str = "version: 0.2\nphases:\n  build:\n    commands:\n      - doorbell-runner\n";

/// Replaces the image of a build project, as an apply does.
async fn set_runner(sandbox: &Sandbox, build_project: &str, buildspec: &str) {
    let root = sandbox.codebuild_client(sandbox.account.emulator().root_key()).unwrap();
    let update = json!({ "name": build_project, "source": { "type": "NO_SOURCE", "buildspec": buildspec } });
    root.json("codebuild", "CodeBuild_20161006.UpdateProject", update).await.unwrap();
}

/// Writes a row as the ledger has it.
async fn put_row(sandbox: &Sandbox, row: &Value) {
    let number = |value: &Value| json!({ "N": value.to_string() });
    let item = json!({
        "pk": { "S": row["key"] }, "rev": number(&row["rev"]), "writer": { "S": row["writer"] },
        "schema": { "N": "1" }, "status": { "S": "queued" }, "project": { "S": "demo" }, "listed": { "S": "demo/0" },
        "received_at": number(&row["received_at"]), "row": { "S": row.to_string() },
        "due_shard": { "N": "0" }, "due_at": number(&row["phase_due_at"]),
    });
    let put = json!({ "TableName": JOBS_TABLE, "Item": item });
    sandbox.account.root().json("dynamodb", "DynamoDB_20120810.PutItem", put).await.unwrap();
}

/// An older worker stopped in each phase before a build: one job just received, one accepted, one between the claim of its
/// start and the call. The new worker ends each with one build and its true flag.
#[tokio::test]
async fn rows_of_an_older_worker_end_with_one_build_each() {
    let sandbox = start_sandbox().await;
    let (repository, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let worker = sandbox.start_worker(&[]).await.unwrap();
    let first = trigger(&sandbox, &["demo", "main", "--id", "before"]).await;
    sandbox.wait_until_settled(&first, JOB_TIMEOUT).await.unwrap();
    worker.kill().await.unwrap();
    let [build] = sandbox.builds_of(&first).try_into().unwrap();
    let (installation, _) = build.job_id.as_deref().unwrap().split_once(':').unwrap();

    let now = jiff::Timestamp::now().as_millisecond().to_string();
    let rows = OLDER_ROWS
        .replace("\"@NOW@\"", &now)
        .replace("@COMMIT@", commit.as_str())
        .replace("@GIT_URL@", &repository.url())
        .replace("@FORGE_URL@", sandbox.forge.url())
        .replace("@INSTALLATION@", installation);
    let rows: Vec<Value> = serde_json::from_str(&rows).unwrap();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        put_row(&sandbox, row).await;
    }
    let _worker = sandbox.start_worker(&[("DOORBELL_BUILD_POLL_INTERVAL", "1s")]).await.unwrap();
    for row in &rows {
        let key = row["key"].as_str().unwrap();
        let job = sandbox.wait_until_settled(key, JOB_TIMEOUT * 2).await.unwrap();
        assert_eq!(job.status(), "success", "{job:?}");
        assert_eq!(sandbox.builds_of(key).len(), 1, "{key}");
    }
    assert_eq!(flag_history(&sandbox, &commit).iter().filter(|status| **status == "success").count(), 4);
}

/// The reason for "the build image first": an older runner builds what is not pinned, ends what is pinned as an error
/// before its command runs, and the new one builds both.
#[tokio::test]
async fn older_runner_never_runs_the_command_of_a_pinned_project() {
    let sandbox = start_sandbox().await;
    let (repository, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    sandbox.pin_project("pinned", document).await.unwrap();
    let _worker = sandbox.start_worker(&[]).await.unwrap();
    let mut found = Vec::new();
    for runner in [OLDER_RUNNER, RUNNER] {
        for build_project in [BUILD_PROJECT, PINNED_BUILD_PROJECT] {
            set_runner(&sandbox, build_project, runner).await;
        }
        for project in ["demo", "pinned"] {
            let key = trigger(&sandbox, &[project, "main", "--commit", commit.as_str()]).await;
            let job = sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
            let is_runner_code = job.result_message().unwrap_or_default().contains("runner code 240");
            found.push((project, runner == RUNNER, job.status().to_owned(), is_runner_code));
        }
    }
    let row = |project, is_new, status: &str, is_runner_code| (project, is_new, status.to_owned(), is_runner_code);
    assert_eq!(
        found,
        [
            row("demo", false, "success", false),
            row("pinned", false, "error", true),
            row("demo", true, "success", false),
            row("pinned", true, "success", false),
        ]
    );
}
