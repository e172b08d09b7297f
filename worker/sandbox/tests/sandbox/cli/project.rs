use serde_json::json;

use super::{doorbell, json};
use crate::e2e::{PASSING_SCRIPT, register_demo, start_sandbox};

#[tokio::test]
async fn project_put_and_remove_write_only_with_yes() {
    let sandbox = start_sandbox().await;
    let (repository, _) = register_demo(&sandbox, PASSING_SCRIPT).await;
    let file = sandbox.account.dir().join("other.json");
    let mut document = sandbox.registry_document(&repository, &json!("./ci.sh"));
    let write = |document: &serde_json::Value| std::fs::write(&file, document.to_string()).unwrap();
    let put = ["project", "put", "other", file.to_str().unwrap()];
    let put_yes = [&put[..], &["--yes"]].concat();

    write(&document);
    let draft = json(&sandbox, &put).await;
    assert_eq!((&draft["done"], &draft["changes"]), (&json!(false), &json!(true)));
    assert_eq!(doorbell(&sandbox, &["project", "show", "other"]).await.code, Some(3), "a draft writes nothing");
    assert_eq!(json(&sandbox, &put_yes).await["done"], true);
    assert_eq!(json(&sandbox, &put_yes).await["changes"], false);

    document["timeoutMinutes"] = json!(10);
    document["authToken"] = json!("canary-in-a-document");
    write(&document);
    let changed = doorbell(&sandbox, &put_yes).await;
    assert_eq!(changed.code, Some(0), "{}", changed.stderr);
    assert!(
        changed.stdout.contains("-   \"timeoutMinutes\": 5") && changed.stdout.contains("+   \"timeoutMinutes\": 10")
    );
    assert!(changed.stdout.contains("move it to Secrets Manager"), "{}", changed.stdout);
    let shown = doorbell(&sandbox, &["project", "show", "other"]).await;
    assert!(shown.stdout.contains("(hidden)") && shown.stdout.contains("version 2"), "{}", shown.stdout);
    for said in [&changed, &shown] {
        assert!(!format!("{}{}", said.stdout, said.stderr).contains("canary"), "a credential is shown");
    }

    let shown = json(&sandbox, &["project", "show", "other"]).await;
    write(&shown["document"]);
    let taken = doorbell(&sandbox, &put_yes).await;
    assert_eq!(taken.code, Some(1), "{}", taken.stdout);
    assert!(taken.stdout.contains("in place of a credential"), "{}", taken.stdout);

    document["timeoutMinutes"] = json!(1);
    write(&document);
    let wrong = doorbell(&sandbox, &put_yes).await;
    assert_eq!(wrong.code, Some(1), "{}", wrong.stdout);
    assert_eq!(json(&sandbox, &["project", "show", "other"]).await["version"], 2, "what is wrong is not written");

    let listed = json(&sandbox, &["project", "list"]).await;
    assert_eq!(listed["projects"].as_array().unwrap().len(), 2, "{listed}");
    let draft = doorbell(&sandbox, &["project", "remove", "other"]).await;
    assert!(draft.stderr.contains("--yes removes it"), "{}", draft.stderr);
    json(&sandbox, &["project", "remove", "other", "--yes"]).await;
    assert_eq!(json(&sandbox, &["project", "list"]).await["projects"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn project_lint_reports_errors_in_files_and_registry() {
    let sandbox = start_sandbox().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    assert_eq!(doorbell(&sandbox, &["project", "lint"]).await.code, Some(0));
    sandbox.account.put_parameter("broken", "{\"gitUrl\": 5}").await.unwrap();
    let broken = doorbell(&sandbox, &["project", "lint"]).await;
    assert_eq!(broken.code, Some(1));
    assert!(broken.stdout.contains("broken: error:") && broken.stdout.contains("demo: valid"), "{}", broken.stdout);

    let file = sandbox.account.dir().join("large.json");
    let refs = vec!["heads/a-long-name-of-a-branch"; 200];
    let document = json!({ "gitUrl": "https://h/a.git", "command": "./a", "buildProject": "ab", "refs": refs });
    std::fs::write(&file, document.to_string()).unwrap();
    let large = doorbell(&sandbox, &["project", "lint", file.to_str().unwrap()]).await;
    assert_eq!(large.code, Some(0));
    assert!(large.stdout.contains("a standard SSM parameter takes 4096"), "{}", large.stdout);
    let put = doorbell(&sandbox, &["project", "put", "large", file.to_str().unwrap(), "--yes"]).await;
    assert_eq!(put.code, Some(1));
    assert!(put.stdout.contains("--advanced"), "{}", put.stdout);
}
