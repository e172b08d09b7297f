use std::collections::BTreeMap;

use doorbell_messages::{
    ARGV, BuildEnvironment, CHECKOUT, COMMIT, CheckoutOptions, CommitRule, GIT_URL, NOT_OLDER_THAN, REF,
    TIMEOUT_SECONDS,
};
use proptest::option;
use proptest::prelude::*;

use crate::strategies::{argv, commit, git_ref};

fn environment() -> BuildEnvironment {
    BuildEnvironment {
        job_id: "a1b2c3:demo#travis-4711#0123456789abcdef01234567".to_owned(),
        project: "demo".parse().unwrap(),
        git_ref: doorbell_messages::GitRef::Branch("main".parse().unwrap()),
        commit: Some("8c1f5e0a9d3b47e6a2c4f1087d6b5e3a90c2d4f6".parse().unwrap()),
        not_older_than: Vec::new(),
        commit_rule: CommitRule::Tip,
        git_url: "https://git.example.org/demo.git".parse().unwrap(),
        checkout: CheckoutOptions::default(),
        argv: vec!["make".to_owned(), "all".to_owned()],
        directory: "services/api".parse().unwrap(),
        timeout_seconds: 3600,
    }
}

fn read(variables: &BTreeMap<&'static str, String>) -> Result<BuildEnvironment, String> {
    BuildEnvironment::from_variables(|name| variables.get(name).cloned()).map_err(|error| error.to_string())
}

#[test]
fn build_environment_sets_documented_variables() {
    let variables: Vec<String> =
        environment().to_variables().into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(
        variables,
        [
            r#"DOORBELL_ARGV=["make","all"]"#,
            "DOORBELL_COMMIT=8c1f5e0a9d3b47e6a2c4f1087d6b5e3a90c2d4f6",
            "DOORBELL_COMMIT_RULE=tip",
            "DOORBELL_DIRECTORY=services/api",
            "DOORBELL_GIT_URL=https://git.example.org/demo.git",
            "DOORBELL_JOB_ID=a1b2c3:demo#travis-4711#0123456789abcdef01234567",
            "DOORBELL_PROJECT=demo",
            "DOORBELL_REF=refs/heads/main",
            "DOORBELL_TIMEOUT_SECONDS=3600",
        ]
    );
}

#[test]
fn missing_build_variable_is_reported_by_name() {
    for name in environment().to_variables().into_keys().filter(|name| *name != COMMIT) {
        for absent in [None, Some(String::new())] {
            let mut variables = environment().to_variables();
            match absent {
                None => drop(variables.remove(name)),
                Some(empty) => drop(variables.insert(name, empty)),
            }
            let error = read(&variables).unwrap_err();
            assert!(error.starts_with(&format!("environment variable {name}: it is not set")), "{error}");
        }
    }
}

#[test]
fn missing_commit_variable_means_ref_tip() {
    let mut variables = environment().to_variables();
    variables.remove(COMMIT);
    assert_eq!(read(&variables).unwrap().commit, None);
    variables.insert(COMMIT, String::new());
    assert_eq!(read(&variables).unwrap().commit, None);
}

/// A runner of an earlier version does not know the variable, and AWS compares a repeated start byte for byte.
#[test]
fn checkout_variable_is_set_only_where_something_is_asked() {
    assert!(!environment().to_variables().contains_key(CHECKOUT));
    let checkout = CheckoutOptions { tags: true, ..CheckoutOptions::default() };
    let mut variables = BuildEnvironment { checkout, ..environment() }.to_variables();
    assert_eq!(variables[CHECKOUT], r#"{"tags":true}"#);
    assert_eq!(read(&variables).unwrap().checkout, checkout);
    variables.insert(CHECKOUT, String::new());
    assert_eq!(read(&variables).unwrap().checkout, CheckoutOptions::default());
}

#[test]
fn not_older_than_is_set_only_where_a_commit_is_listed() {
    assert!(!environment().to_variables().contains_key(NOT_OLDER_THAN));
    let commits = ["8c1f5e0a9d3b47e6a2c4f1087d6b5e3a90c2d4f6", "0123456789abcdef0123456789abcdef01234567"];
    let not_older_than = commits.map(|commit| commit.parse().unwrap()).to_vec();
    let mut variables = BuildEnvironment { not_older_than, ..environment() }.to_variables();
    assert_eq!(variables[NOT_OLDER_THAN], commits.join(","));
    assert_eq!(read(&variables).unwrap().not_older_than.len(), 2);
    variables.insert(NOT_OLDER_THAN, String::new());
    assert_eq!(read(&variables).unwrap(), environment());
}

#[test]
fn invalid_build_variable_is_rejected_by_name() {
    let check = |name: &'static str, value: &str, problem: &str| {
        let mut variables = environment().to_variables();
        variables.insert(name, value.to_owned());
        let error = read(&variables).unwrap_err();
        assert!(error.starts_with(&format!("environment variable {name}: ")) && error.contains(problem), "{error}");
    };
    check(ARGV, "make all", "not a JSON array of strings");
    check(ARGV, "[]", "empty");
    check(ARGV, r#"[""]"#, "empty");
    check(ARGV, r#"["a\u0000"]"#, "NUL");
    check(ARGV, r#"["a", 1]"#, "not a JSON array of strings");
    check(COMMIT, "8c1f5e0", "a full commit id");
    for list in ["8c1f5e0", ",", "0123456789abcdef0123456789abcdef01234567,"] {
        check(NOT_OLDER_THAN, list, "a full commit id");
    }
    check(REF, "main", "expected refs/heads/<branch>");
    check(REF, "refs/heads/--upload-pack=id", "begin with -");
    check(GIT_URL, "ext::sh -c id", "printable ASCII without spaces");
    check(GIT_URL, "ext::sh", "transport helper");
    for seconds in ["0", "-1", "+60", "060", "1.5", "4294967296", "an hour", " 60"] {
        check(TIMEOUT_SECONDS, seconds, "seconds, 1 or more");
    }
    check("DOORBELL_COMMIT_RULE", "any", "ancestor or tip");
    check(CHECKOUT, r#"{"sparse":true}"#, "unknown key \"sparse\"");
    check("DOORBELL_DIRECTORY", "../x", "a relative path");
    check("DOORBELL_PROJECT", "_default", "a project name");
}

proptest! {
    #[test]
    fn build_environment_round_trips(
        git_ref in git_ref(), commit in option::of(commit()), argv in argv(), timeout_seconds in 1..=u32::MAX, tip in any::<bool>(),
    ) {
        let commit_rule = if tip { CommitRule::Tip } else { CommitRule::Ancestor };
        let written = BuildEnvironment { git_ref, commit, argv, timeout_seconds, commit_rule, ..environment() };
        prop_assert_eq!(read(&written.to_variables()), Ok(written));
    }
}
