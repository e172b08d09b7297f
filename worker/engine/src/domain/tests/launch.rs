use serde_json::{Value, json};

use super::{COMMIT, JobHarness, policy, policy_found, read_policy, start_call};
use crate::domain::{BuildVariable, LaunchSpec};

/// The environment of the build, one line a variable.
fn environment(fields: Value, observation: crate::domain::Observation) -> Vec<String> {
    let mut job = JobHarness::received(fields);
    let (_, input) = start_call(&job.observe(observation)).expect("a send is claimed");
    let input: LaunchSpec = serde_json::from_str(&input).unwrap();
    input.environment.iter().map(|BuildVariable { name, value, kind }| format!("{name}={value} ({kind:?})")).collect()
}

fn iwomp() -> crate::domain::Observation {
    let document = json!({
        "gitUrl": "https://git.example.org/demo.git",
        "command": "deploy/run",
        "deployDir": "site",
        "authToken": "hunter2",
        "someKeyOfTheirs": true,
    });
    policy_found(&std::sync::Arc::new(read_policy(document, Some("builds"))))
}

#[test]
fn iwomp_document_is_launched_with_credentials_by_reference() {
    let lines = environment(json!({"branch": "master"}), iwomp());
    insta::assert_snapshot!(lines.join("\n"), @r#"
    DOORBELL_ARGV=["deploy/run","master"] (Plaintext)
    DOORBELL_COMMIT_RULE=ancestor (Plaintext)
    DOORBELL_DIRECTORY=site (Plaintext)
    DOORBELL_GIT_URL=https://git.example.org/demo.git (Plaintext)
    DOORBELL_JOB_ID=e1c7c489622b:demo#0b4a1c34-5d0e-5a4b-9c6e-4f1f0c7a2d11#67d9356d9f2b7d4dd44b42d0 (Plaintext)
    DOORBELL_PROJECT=demo (Plaintext)
    DOORBELL_REF=refs/heads/master (Plaintext)
    DOORBELL_TIMEOUT_SECONDS=3540 (Plaintext)
    DOORBELL_DEFAULT_DOCUMENT=/doorbell/_default (Document)
    DOORBELL_PROJECT_DOCUMENT=/doorbell/demo (Document)
    "#);
}

#[test]
fn no_secret_of_a_document_reaches_the_row() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    job.observe(iwomp());
    assert!(!serde_json::to_string(&job.row).unwrap().contains("hunter2"));
}

#[test]
fn git_secret_is_passed_by_name_instead_of_the_documents() {
    let keys = json!({"gitCredentials": {"secret": "git/demo"}, "authToken": "hunter2"});
    let lines = environment(json!({"commit": COMMIT}), policy_found(&policy(keys)));
    assert!(lines.contains(&"DOORBELL_GIT_CREDENTIALS=git/demo (Secret)".to_owned()), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("DOCUMENT") || line.contains("hunter2")), "{lines:?}");
    assert!(lines.contains(&format!("DOORBELL_COMMIT={COMMIT} (Plaintext)")));
}

#[test]
fn pull_request_gets_no_credentials_and_its_own_build_project() {
    for credentials in [json!({"gitCredentials": {"secret": "git/demo"}}), json!({"authToken": "hunter2"})] {
        let keys = json!({"pullRequests": "unprivileged", "unprivilegedBuildProject": "strangers"});
        let fields = json!({"branch": null, "pullRequest": 7, "commit": COMMIT});
        let mut job = JobHarness::received(fields);
        let effects = job.observe(policy_found(&policy(super::merged(keys, credentials))));
        let input: LaunchSpec = serde_json::from_str(&start_call(&effects).unwrap().1).unwrap();
        assert_eq!(input.target.as_str(), "strangers");
        assert!(input.environment.iter().all(|variable| variable.kind == crate::domain::BuildVariableKind::Plaintext));
    }
}

#[test]
fn allowed_variables_are_always_plaintext() {
    let keys = json!({"variables": ["STAGE"]});
    let fields = json!({"commit": COMMIT, "variables": {"STAGE": "/aws/reference/secretsmanager/x"}});
    let lines = environment(fields, policy_found(&policy(keys)));
    assert!(lines.contains(&"DOORBELL_VAR_STAGE=/aws/reference/secretsmanager/x (Plaintext)".to_owned()));
}

#[test]
fn checkout_options_are_passed_only_where_they_are_set() {
    let lines = environment(json!({"commit": COMMIT}), policy_found(&policy(json!({"checkout": {"tags": true}}))));
    assert!(lines.contains(&r#"DOORBELL_CHECKOUT={"tags":true} (Plaintext)"#.to_owned()), "{lines:?}");
    let lines = environment(json!({"commit": COMMIT}), policy_found(&policy(json!({"checkout": {}}))));
    assert!(!lines.iter().any(|line| line.starts_with("DOORBELL_CHECKOUT")), "{lines:?}");
}

#[test]
fn request_narrows_the_commit_rule_and_never_widens_it() {
    let rule = |fields: Value, keys: Value| {
        let lines = environment(super::merged(json!({"commit": COMMIT}), fields), policy_found(&policy(keys)));
        lines.into_iter().find(|line| line.starts_with("DOORBELL_COMMIT_RULE")).unwrap()
    };
    assert_eq!(rule(json!({}), json!({})), "DOORBELL_COMMIT_RULE=ancestor (Plaintext)");
    assert_eq!(rule(json!({"commitRule": "tip"}), json!({})), "DOORBELL_COMMIT_RULE=tip (Plaintext)");
    assert_eq!(rule(json!({}), json!({"commitPolicy": "tip"})), "DOORBELL_COMMIT_RULE=tip (Plaintext)");
}

#[test]
fn list_command_gets_no_extra_argument() {
    let lines = environment(json!({"commit": COMMIT}), policy_found(&policy(json!({"command": ["make", "a b"]}))));
    assert!(lines.contains(&r#"DOORBELL_ARGV=["make","a b"] (Plaintext)"#.to_owned()), "{lines:?}");
}

#[test]
fn runner_timeout_ends_before_the_provider_timeout() {
    let lines = environment(json!({"commit": COMMIT}), policy_found(&policy(json!({"timeoutMinutes": 5}))));
    assert!(lines.contains(&"DOORBELL_TIMEOUT_SECONDS=240 (Plaintext)".to_owned()), "{lines:?}");
}

#[test]
fn frozen_launch_ignores_registry_changes() {
    let mut job = JobHarness::received(json!({"commit": COMMIT}));
    let (_, before) = start_call(&job.observe(policy_found(&policy(json!({}))))).unwrap();
    job.observe(policy_found(&policy(json!({"command": "./other"}))));
    let (_, after) = start_call(&job.advance(super::secs(60)).fire_due()).unwrap();
    assert_eq!(before, after);
}

/// A build project that fixes repository, command and secret gets what differs between jobs, and no more.
#[test]
fn pinned_project_is_sent_only_the_variables_of_the_job() {
    let keys = json!({
        "pinned": true, "variables": ["STAGE"], "checkout": {"tags": true}, "gitCredentials": {"secret": "git/demo"},
        "authToken": "hunter2",
    });
    let fields = json!({"commit": COMMIT, "variables": {"STAGE": "blue"}});
    let lines = environment(fields.clone(), policy_found(&policy(keys.clone())));
    let names: Vec<_> = lines.iter().map(|line| line.split('=').next().unwrap()).collect();
    assert_eq!(names, ["DOORBELL_COMMIT", "DOORBELL_JOB_ID", "DOORBELL_REF", "DOORBELL_VAR_STAGE"]);
    let mut job = JobHarness::received(fields);
    let effects = job.observe(policy_found(&policy(keys)));
    let input: LaunchSpec = serde_json::from_str(&start_call(&effects).unwrap().1).unwrap();
    assert!(input.pinned && job.row.launch().unwrap().pinned, "the call sets no timeout");
}

/// The build project of pull requests is shared, so nothing is fixed in it.
#[test]
fn pull_request_of_a_pinned_project_is_sent_everything() {
    let keys = json!({"pinned": true, "pullRequests": "unprivileged", "unprivilegedBuildProject": "strangers"});
    let mut job = JobHarness::received(json!({"branch": null, "pullRequest": 7, "commit": COMMIT}));
    let effects = job.observe(policy_found(&policy(keys)));
    let input: LaunchSpec = serde_json::from_str(&start_call(&effects).unwrap().1).unwrap();
    let has = |name: &str| input.environment.iter().any(|variable| variable.name == name);
    assert!(has("DOORBELL_ARGV") && has("DOORBELL_GIT_URL") && !input.pinned, "{input:?}");
}
