use serde_json::{Value, json};

use super::{merged, read_policy, request};
use crate::domain::RegistryDocuments;

fn evaluate(fields: Value, keys: Value, fallback: Option<&str>) -> Result<String, String> {
    let base =
        json!({"gitUrl": "https://git.example.org/demo.git", "command": "./deploy.sh", "buildProject": "builds"});
    let evaluated = read_policy(merged(base, keys), fallback).evaluate(&request(fields));
    evaluated.map(|name| name.to_string()).map_err(|rejection| rejection.reason)
}

#[track_caller]
fn check_allowed(fields: Value, keys: Value, build_project: &str) {
    assert_eq!(evaluate(fields, keys, None).as_deref(), Ok(build_project));
}

#[track_caller]
fn check_rejected(fields: Value, keys: Value, part: &str) {
    let reason = evaluate(fields, keys, None).unwrap_err();
    assert!(reason.contains(part), "{reason}");
}

#[test]
fn ref_patterns_allow_only_matching_refs() {
    let refs = || json!({"refs": ["heads/main", "tags/v*", "release/*"]});
    check_allowed(json!({"branch": "main"}), refs(), "builds");
    check_allowed(json!({"branch": null, "tag": "v1.2"}), refs(), "builds");
    check_allowed(json!({"branch": "release/1"}), refs(), "builds");
    for branch in ["main2", "mai", "Main", "v1.2", "releases", "heads/main"] {
        check_rejected(json!({"branch": branch}), refs(), "is not among the refs");
    }
    for tag in ["main", "w1", "release/1"] {
        check_rejected(json!({"branch": null, "tag": tag}), refs(), "is not among the refs");
    }
    check_rejected(json!({}), json!({"refs": []}), "is not among the refs");
}

#[test]
fn missing_refs_allow_default_branch_or_any_branch() {
    check_allowed(json!({"branch": "main"}), json!({"defaultBranch": "main"}), "builds");
    check_rejected(json!({"branch": "other"}), json!({"defaultBranch": "main"}), "heads/main");
    check_allowed(json!({"branch": "anything/at-all"}), json!({}), "builds");
    check_rejected(json!({"branch": null, "tag": "v1"}), json!({"defaultBranch": "main"}), "is not among the refs");
}

#[test]
fn older_commit_is_allowed_only_by_the_document() {
    check_rejected(json!({"allowOlder": true}), json!({}), "does not let requests build an older commit (allowOlder)");
    check_allowed(json!({"allowOlder": true}), json!({"allowOlder": true}), "builds");
    // A cancel names the request that it cancels, and starts nothing.
    let cancel = json!({"allowOlder": true, "action": "cancel", "id": "a"});
    check_allowed(cancel, json!({"allowCancel": true}), "builds");
}

#[test]
fn only_listed_variables_are_allowed() {
    check_allowed(json!({"variables": {"STAGE": "x"}}), json!({"variables": ["STAGE"]}), "builds");
    check_rejected(json!({"variables": {"STAGE": "x"}}), json!({"variables": ["OTHER"]}), "the variable STAGE");
    check_rejected(json!({"variables": {"stage": "x"}}), json!({"variables": ["STAGE"]}), "the variable stage");
}

#[test]
fn reserved_variable_is_rejected_even_if_listed() {
    for name in [
        "DOORBELL_JOB_ID",
        "doorbell_ref",
        "CODEBUILD_SRC_DIR",
        "AWS_REGION",
        "aws_profile",
        "GIT_SSH_COMMAND",
        "LD_PRELOAD",
        "BASH_FUNC_ls",
        "PATH",
        "Path",
        "ENV",
        "BASH_ENV",
        "IFS",
        "HOME",
        "SHELLOPTS",
        "https_proxy",
        "ALL_PROXY",
        "SSL_CERT_FILE",
        "SSH_AUTH_SOCK",
        "TMPDIR",
        "GCONV_PATH",
        "GLIBC_TUNABLES",
        "BASHOPTS",
        "PS4",
        "NODE_OPTIONS",
        "PYTHONPATH",
        "PERL5OPT",
        "JAVA_TOOL_OPTIONS",
        "CURL_CA_BUNDLE",
    ] {
        check_rejected(json!({"variables": {name: "x"}}), json!({"variables": [name]}), "is reserved");
    }
    for name in ["PATHS", "MY_PATH", "ENVIRONMENT", "AWSOME", "HOMEPAGE"] {
        check_allowed(json!({"variables": {name: "x"}}), json!({"variables": [name]}), "builds");
    }
}

#[test]
fn value_outside_pattern_or_length_is_rejected() {
    let rule = || json!({"variables": ["FREE", {"name": "STAGE", "pattern": "staging|production", "maxLength": 10}]});
    check_allowed(json!({"variables": {"STAGE": "production", "FREE": "any thing"}}), rule(), "builds");
    for value in ["", "test", "production\n", "$(id)", "staging|production"] {
        let reason = evaluate(json!({"variables": {"STAGE": value}}), rule(), None).unwrap_err();
        assert!(reason.contains("STAGE does not match the pattern") || reason.contains("STAGE is longer"), "{reason}");
        // Strangers may read the reason: neither the value nor the pattern is in it.
        assert!(!reason.contains("staging") && !reason.contains("$(id)"), "{reason}");
    }
    let short = json!({"variables": [{"name": "STAGE", "maxLength": 2}]});
    check_allowed(json!({"variables": {"STAGE": "éé"}}), short.clone(), "builds");
    check_rejected(json!({"variables": {"STAGE": "abc"}}), short, "longer than 2 characters");
}

#[test]
fn pull_request_needs_permission_and_its_own_build_project() {
    let pull = || json!({"branch": null, "pullRequest": 7});
    let open = || json!({"pullRequests": "unprivileged", "unprivilegedBuildProject": "strangers"});
    check_allowed(pull(), open(), "strangers");
    check_rejected(pull(), json!({}), "does not build pull requests");
    check_rejected(pull(), json!({"pullRequests": "none", "unprivilegedBuildProject": "strangers"}), "does not build");
    check_rejected(
        pull(),
        json!({"pullRequests": "unprivileged"}),
        "names no build project (unprivilegedBuildProject)",
    );
    // No pattern of refs opens them.
    check_rejected(pull(), json!({"refs": ["heads/*", "tags/*", "pull/*"]}), "does not build pull requests");
    check_rejected(
        json!({"branch": null, "pullRequest": 7, "variables": {"STAGE": "x"}}),
        merged(open(), json!({"variables": ["STAGE"]})),
        "without variables",
    );
}

#[test]
fn pull_request_never_uses_the_build_project_of_branches() {
    let pull = json!({"branch": null, "pullRequest": 7});
    let same = json!({"pullRequests": "unprivileged", "unprivilegedBuildProject": "builds"});
    check_rejected(pull.clone(), same.clone(), "they must differ");
    let by_fallback = merged(same, json!({"buildProject": null}));
    assert!(evaluate(pull.clone(), by_fallback, Some("builds")).unwrap_err().contains("they must differ"));
    let missing = json!({"pullRequests": "unprivileged", "buildProject": null});
    assert!(evaluate(pull, missing, Some("builds")).unwrap_err().contains("names no build project"));
}

#[test]
fn fallback_build_project_is_used_when_none_is_named() {
    assert_eq!(evaluate(json!({}), json!({"buildProject": null}), Some("fallback")).as_deref(), Ok("fallback"));
    assert_eq!(evaluate(json!({}), json!({}), Some("fallback")).as_deref(), Ok("builds"));
}

/// The fallback is shared by all documents that name none, so it fixes nothing.
#[test]
fn pinned_project_never_uses_the_fallback_build_project() {
    let reason = evaluate(json!({}), json!({"pinned": true, "buildProject": null}), Some("fallback")).unwrap_err();
    assert!(reason.contains("names no build project (buildProject)"), "{reason}");
}

/// Its build project has its rule from its owner: a narrower one would be lost on the way.
#[test]
fn pinned_project_rejects_a_narrower_commit_rule() {
    let request = || json!({"commitRule": "tip"});
    check_rejected(request(), json!({"pinned": true}), "no request can narrow its commitPolicy");
    check_allowed(request(), json!({"pinned": true, "commitPolicy": "tip"}), "builds");
    check_allowed(request(), json!({}), "builds");
}

#[test]
fn registry_documents_debug_output_hides_their_contents() {
    let documents = RegistryDocuments {
        project: ("/doorbell/demo".to_owned(), "a text".to_owned()),
        default: Some(("/doorbell/_default".to_owned(), "another text".to_owned())),
    };
    let shown = r#"RegistryDocuments { project: "/doorbell/demo", default: Some("/doorbell/_default") }"#;
    assert_eq!(format!("{documents:?}"), shown);
}
