use serde_json::json;

use super::{doorbell, json};
use crate::e2e::{PASSING_SCRIPT, envelope, register_demo, start_sandbox};

#[tokio::test]
async fn explain_reports_outcome_without_side_effects() {
    let sandbox = start_sandbox().await;
    let (_, commit) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let built = json(&sandbox, &["explain", "--project", "demo", "--branch", "main"]).await;
    assert_eq!(built["verdict"], "built");
    assert_eq!(built["commit"], commit.as_str(), "the forge was asked for the head");
    assert_eq!(built["command"], json!(["./ci.sh", "main"]));
    assert_eq!(built["buildProject"], "doorbell-build");

    let file = sandbox.account.dir().join("message.json");
    let request = json!({ "project": "demo", "branch": "main", "variables": { "PATH": "x" } });
    std::fs::write(&file, envelope(&sandbox, "11111111-0000-4000-8000-000000000001", &request)).unwrap();
    let file = file.to_str().unwrap().to_owned();
    for (arguments, verdict, reason) in [
        (vec!["explain", "--project", "demo", "--branch", "gone"], "rejected", "the forge has no branch gone"),
        (vec!["explain", "--project", "nowhere", "--branch", "main"], "rejected", "no project nowhere is registered"),
        (vec!["explain", "--project", "demo", "--pull-request", "1"], "rejected", "does not build pull requests"),
        (vec!["explain", "--project", "demo", "--branch", "-x"], "deadLetter", "branch"),
        (vec!["explain", "--project", "demo"], "deadLetter", "one of branch, tag and pullRequest"),
        (vec!["explain", &file], "rejected", "the variable PATH is reserved"),
    ] {
        let said = doorbell(&sandbox, &[&arguments[..], &["--output", "json"]].concat()).await;
        assert_eq!(said.code, Some(6), "{arguments:?}: {}{}", said.stdout, said.stderr);
        let explained: serde_json::Value = serde_json::from_str(&said.stdout).unwrap();
        assert_eq!(explained["verdict"], verdict);
        assert!(explained["reason"].as_str().unwrap().contains(reason), "{explained}");
    }
    assert!(sandbox.jobs().await.unwrap().is_empty() && sandbox.codebuild.controls.builds().is_empty());
}
