use doorbell_messages::{CheckoutHistory, CommitRule};
use doorbell_registry::{BuildCommand, OnUnknownStart, OrderRule, ParsedDocument, ProjectDocument, PullRequestRule};
use proptest::prelude::*;
use std::collections::BTreeMap;

use crate::fixtures::{check_rejections, expect_table, fixtures, package};

fn read(text: &str) -> Result<ParsedDocument, String> {
    ProjectDocument::parse(None, text).map_err(|error| error.to_string())
}

fn parse_fixture(directory: &str, name: &str) -> ParsedDocument {
    let fixture =
        fixtures("project", directory).into_iter().find(|fixture| fixture.name == format!("{directory}/{name}"));
    read(fixture.unwrap().text().unwrap()).unwrap()
}

#[test]
fn valid_document_is_parsed_without_warnings() {
    for fixture in fixtures("project", "valid") {
        let parsed = read(fixture.text().unwrap()).unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        assert_eq!(parsed.warnings, Vec::<String>::new(), "{}", fixture.name);
        assert!(!parsed.inline_credentials, "{}", fixture.name);
        let again = serde_json::to_value(&parsed.document).unwrap().to_string();
        assert_eq!(ProjectDocument::parse(None, &again).unwrap().document, parsed.document, "{}", fixture.name);
    }
}

#[test]
fn invalid_document_is_rejected_by_key_name() {
    check_rejections("project", &["invalid"], read);
}

#[test]
fn suspicious_document_is_parsed_with_warnings() {
    let warnings: BTreeMap<String, String> = fixtures("project", "warnings")
        .into_iter()
        .map(|fixture| {
            let read = read(fixture.text().unwrap()).unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
            assert!(!read.warnings.is_empty(), "{}", fixture.name);
            (fixture.name, read.warnings.join("\n"))
        })
        .collect();
    expect_table(&package().join("fixtures/project/warnings.json"), &warnings);
}

#[test]
fn project_document_overrides_default_by_key() {
    let all = fixtures("project", "overlay");
    let cases: Vec<&str> = all.iter().filter_map(|fixture| fixture.name.strip_suffix(".project.json")).collect();
    assert!(!cases.is_empty());
    for case in cases {
        let part = |part: &str| {
            let name = format!("{case}.{part}.json");
            all.iter().find(|fixture| fixture.name == name).unwrap_or_else(|| panic!("no {name}")).text().unwrap()
        };
        let both = ProjectDocument::parse(Some(part("default")), part("project"));
        assert_eq!(both, ProjectDocument::parse(None, part("together")), "{case}");
        assert!(both.is_ok(), "{case}: {both:?}");
    }
}

#[test]
fn invalid_default_document_is_reported_as_default() {
    let error = ProjectDocument::parse(Some("{"), r#"{"gitUrl": "https://h/x", "command": "x"}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the registry's _default document is wrong: $: not a JSON object (at line 1 column 1)"
    );
}

#[test]
fn renamed_key_in_either_document_is_an_error() {
    let project = r#"{"gitUrl": "https://h/x", "command": "x", "commitPolicy": "tip"}"#;
    let check = |default: &str, project: &str, error: &str| {
        assert_eq!(ProjectDocument::parse(Some(default), project).unwrap_err().to_string(), error);
    };
    check(
        r#"{"commits": "ancestor"}"#,
        project,
        "the registry's _default document is wrong: $.commits: commits is now commitPolicy: rename the key in this \
         document",
    );
    check(
        "{}",
        r#"{"gitUrl": "https://h/x", "command": "x", "report": {}}"#,
        "the project's registry document is wrong: $.report: report is now reportTo: rename the key in this document",
    );
    assert!(ProjectDocument::parse(Some(r#"{"commits": null}"#), project).is_ok(), "null is not set");
}

#[test]
fn omitted_keys_get_restrictive_defaults() {
    let document = parse_fixture("valid", "minimal.json").document;
    assert_eq!(document.commit_policy, CommitRule::Ancestor);
    assert_eq!(document.pull_requests, PullRequestRule::None);
    assert_eq!(document.on_unknown_start, OnUnknownStart::Retry);
    assert!(document.order.is_parallel() && !document.allow_older);
    assert_eq!(document.deploy_dir.as_str(), ".");
    assert!(document.variables.iter().next().is_none() && document.checkout.is_none());
    assert!(!document.allow_cancel && document.report_to.is_none());
}

#[test]
fn full_document_fields_are_parsed() {
    let document = parse_fixture("valid", "full.json").document;
    let argv = ["make", "-C", "deploy", "all"].map(str::to_owned).to_vec();
    assert_eq!(document.command, BuildCommand::Argv(argv));
    assert_eq!(document.git_url.protocol(), "ssh");
    assert_eq!(document.git_credentials.unwrap().secret.as_str(), "doorbell/git/demo");
    let refs: Vec<String> = document.refs.unwrap().into_iter().map(String::from).collect();
    assert_eq!(refs, ["heads/main", "heads/release/*", "tags/v*"]);
    assert_eq!(document.commit_policy, CommitRule::Tip);
    assert_eq!(document.pull_requests, PullRequestRule::Unprivileged);
    assert_eq!(document.on_unknown_start, OnUnknownStart::Stop);
    assert_eq!((document.order, document.allow_older), (OrderRule::Newest, true));
    assert_eq!(document.build_project.unwrap().as_str(), "doorbell-demo");
    assert_eq!(document.unprivileged_build_project.unwrap().as_str(), "doorbell-demo-pr");
    assert_eq!(document.timeout_minutes.unwrap().get(), 90);
    let names: Vec<&str> = document.variables.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["STAGE", "_debug", "VERSION"]);
    let version = document.variables.rule(&"VERSION".parse().unwrap()).unwrap();
    assert!(version.check("v1.2").is_ok() && version.check("v1.x").is_err() && version.check(&"1".repeat(21)).is_err());
    assert_eq!(document.checkout.unwrap().history(), CheckoutHistory::Commits(50));
    assert!(document.allow_cancel);
    let report = document.report_to.unwrap();
    assert_eq!((report.repo.as_str(), report.username.as_str()), ("fork/ada/team/demo", "Doorbell of the team"));
}

#[test]
fn inline_credential_in_either_document_is_detected() {
    let project = r#"{"gitUrl": "https://h/x", "command": "x", "defaultBranch": "main"}"#;
    let check = |default: &str, detected: bool| {
        let read = ProjectDocument::parse(Some(default), project).unwrap();
        assert_eq!(read.inline_credentials, detected, "{default}");
        assert_eq!(read.warnings.len(), usize::from(detected), "{default}");
    };
    check("{}", false);
    check(r#"{"authToken": "x"}"#, true);
    check(r#"{"basicPassword": "x"}"#, true);
    check(r#"{"basicUsername": "x"}"#, true);
    check(r#"{"authToken": ""}"#, false);
    check(r#"{"authToken": null}"#, false);
}

proptest! {
    #[test]
    fn any_text_parses_as_document_without_panic(default in option_of_text(), project in any::<String>()) {
        let _ = ProjectDocument::parse(default.as_deref(), &project);
    }

    #[test]
    fn any_key_value_parses_without_panic(
        key in "gitUrl|command|deployDir|gitCredentials|refs|reportTo|timeoutMinutes|[a-zA-Z]{1,16}", text in any::<String>(), list in any::<bool>(),
    ) {
        let value = if list { serde_json::json!([text]) } else { serde_json::json!(text) };
        let document = serde_json::json!({ "gitUrl": "https://h/x", "command": "x", key: value }).to_string();
        if let Err(error) = ProjectDocument::parse(None, &document) {
            prop_assert!(error.to_string().bytes().all(|b| b == b' ' || b.is_ascii_graphic()), "{error}");
        }
    }
}

fn option_of_text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of(any::<String>())
}
