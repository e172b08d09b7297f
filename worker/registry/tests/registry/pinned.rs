use std::collections::BTreeMap;

use doorbell_registry::ProjectDocument;
use serde_json::json;

fn document(keys: serde_json::Value) -> ProjectDocument {
    let mut document =
        json!({ "gitUrl": "https://git.example.org/a.git", "command": "./a", "refs": ["main", "tags/v*"] });
    document.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    ProjectDocument::parse(None, &document.to_string()).unwrap().document
}

fn environment(keys: serde_json::Value) -> BTreeMap<String, String> {
    let own = document(keys).pinned_environment(&"demo".parse().unwrap());
    own.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[test]
fn pinned_environment_says_what_the_document_says() {
    let keys = json!({
        "command": ["make", "all"], "deployDir": "site", "commitPolicy": "tip", "timeoutMinutes": 5, "checkout": {"tags": true},
        "variables": ["STAGE", {"name": "LEVEL", "maxLength": 2}], "gitCredentials": {"secret": "doorbell/git/demo"},
    });
    let lines: Vec<String> = environment(keys).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let expected = [
        "DOORBELL_APPEND_REF=0",
        r#"DOORBELL_CHECKOUT={"tags":true}"#,
        "DOORBELL_COMMIT_RULE=tip",
        "DOORBELL_DIRECTORY=site",
        "DOORBELL_GIT_CREDENTIALS=doorbell/git/demo",
        "DOORBELL_GIT_URL=https://git.example.org/a.git",
        "DOORBELL_PINNED=1",
        r#"DOORBELL_PROGRAM=["make","all"]"#,
        "DOORBELL_PROJECT=demo",
        r#"DOORBELL_REFS=["heads/main","tags/v*"]"#,
        "DOORBELL_TIMEOUT_SECONDS=240",
        r#"DOORBELL_VARIABLES=["STAGE","LEVEL"]"#,
    ];
    assert_eq!(lines, expected);
    assert_eq!(environment(json!({}))["DOORBELL_APPEND_REF"], "1", "one executable gets the ref");
}

#[test]
fn difference_of_environment_and_document_is_named() {
    let check = |name: &str, value: Option<&str>, expected: &[&str]| {
        let mut own = environment(json!({}));
        match value {
            Some(value) => drop(own.insert(name.to_owned(), value.to_owned())),
            None => drop(own.remove(name)),
        }
        let found = document(json!({})).pinned_differences(&"demo".parse().unwrap(), &own);
        assert_eq!(found, expected, "{name}={value:?}");
    };
    check("DOORBELL_REFS", Some(r#"["main","tags/v*"]"#), &[]);
    check("DOORBELL_PROGRAM", Some(r#"["\u002e/a"]"#), &[]);
    check("SOMETHING_ELSE", Some("1"), &[]);
    check("DOORBELL_REFS", Some(r#"["heads/*"]"#), &["DOORBELL_REFS"]);
    check("DOORBELL_REFS", Some("no list"), &["DOORBELL_REFS"]);
    check("DOORBELL_PROGRAM", Some(r#"["./b"]"#), &["DOORBELL_PROGRAM"]);
    check("DOORBELL_GIT_URL", None, &["DOORBELL_GIT_URL"]);
    check("DOORBELL_GIT_CREDENTIALS", Some("doorbell/git/demo"), &["DOORBELL_GIT_CREDENTIALS"]);
    check("DOORBELL_CHECKOUT", Some(r#"{"tags":true}"#), &["DOORBELL_CHECKOUT"]);
    check("DOORBELL_PINNED", Some("0"), &["DOORBELL_PINNED"]);
}
