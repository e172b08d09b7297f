use std::collections::BTreeMap;

use doorbell_messages::{
    APPEND_REF, ARGV, BuildEnvironment, JOB_ID, PINNED, PROGRAM, PROJECT, PinnedEnvironment, REF, REFS, VARIABLES,
};

/// The environment of a build in a pinned build project: the project's own, and what a worker adds.
fn variables() -> BTreeMap<&'static str, String> {
    let own = [
        (PINNED, "1"),
        (PROJECT, "demo"),
        ("DOORBELL_GIT_URL", "https://git.example.org/demo.git"),
        (PROGRAM, r#"["./deploy"]"#),
        (APPEND_REF, "1"),
        ("DOORBELL_DIRECTORY", "."),
        (REFS, r#"["heads/main","tags/v*"]"#),
        ("DOORBELL_COMMIT_RULE", "ancestor"),
        (VARIABLES, r#"["STAGE"]"#),
        ("DOORBELL_TIMEOUT_SECONDS", "3540"),
    ];
    let sent = [(JOB_ID, "a1b2c3:demo#build-1#0123456789abcdef01234567"), (REF, "refs/heads/main")];
    own.into_iter().chain(sent).map(|(name, value)| (name, value.to_owned())).collect()
}

/// The command of the build, or the error.
fn argv(variables: &BTreeMap<&'static str, String>) -> Result<Vec<String>, String> {
    let lookup = |name: &str| variables.get(name).cloned();
    let read = || PinnedEnvironment::read(lookup)?.map(|pinned| pinned.read_build(lookup)).transpose();
    read().map(|build| build.expect("it is pinned").argv).map_err(|error| error.to_string())
}

#[track_caller]
fn check_rejected(name: &'static str, value: &str, problem: &str) {
    let error = argv(&variables().into_iter().chain([(name, value.to_owned())]).collect()).unwrap_err();
    assert!(error.starts_with(&format!("environment variable {name}: ")) && error.contains(problem), "{error}");
}

#[test]
fn pinned_command_replaces_the_one_that_a_worker_sent() {
    let mut variables = variables();
    variables.insert("DOORBELL_ARGV", r#"["./other"]"#.to_owned());
    assert_eq!(argv(&variables).unwrap(), ["./deploy", "main"]);
    variables.insert(APPEND_REF, "0".to_owned());
    assert_eq!(argv(&variables).unwrap(), ["./deploy"]);
    variables.insert(REF, "refs/tags/v1".to_owned());
    variables.insert(APPEND_REF, "1".to_owned());
    assert_eq!(argv(&variables).unwrap(), ["./deploy", "v1"]);
}

#[test]
fn ref_outside_the_pinned_list_is_rejected() {
    for other in ["refs/heads/other", "refs/tags/main", "refs/pull/7/head"] {
        check_rejected(REF, other, "not among the refs");
    }
    check_rejected(REF, "main", "expected refs/heads/<branch>");
}

#[test]
fn job_of_another_project_is_rejected() {
    for other in ["a1b2c3:shop#build-1#0123456789abcdef01234567", "a1b2c3:demo", "demo#1#0", "", "a:demo2#1#0"] {
        let problem = if other.is_empty() { "it is not set" } else { "no job of the project demo" };
        check_rejected(JOB_ID, other, problem);
    }
}

#[test]
fn pinned_environment_allows_only_listed_variables() {
    let variables = variables();
    let pinned = PinnedEnvironment::read(|name| variables.get(name).cloned()).unwrap().unwrap();
    assert!(pinned.allows_variable(&"STAGE".parse().unwrap()));
    for other in ["stage", "STAGE2", "PATH"] {
        assert!(!pinned.allows_variable(&other.parse().unwrap()), "{other}");
    }
}

#[test]
fn missing_or_invalid_pinned_variable_is_reported_by_name() {
    for name in [PROGRAM, APPEND_REF, REFS, VARIABLES] {
        let mut variables = variables();
        variables.remove(name);
        assert_eq!(argv(&variables).unwrap_err(), format!("environment variable {name}: it is not set"));
    }
    for name in [REFS, VARIABLES, PROGRAM] {
        check_rejected(name, "main", "not a JSON array of strings");
    }
    check_rejected(REFS, r#"["refs/heads/main"]"#, "heads/<branch>");
    check_rejected(VARIABLES, r#"["1"]"#, "");
    check_rejected(PROGRAM, "[]", "the command is empty");
    check_rejected(APPEND_REF, "yes", "expected 0 or 1");
}

/// A value that is neither would otherwise let a worker choose the command.
#[test]
fn pinned_flag_with_another_value_is_an_error() {
    for other in ["0", "true", " 1", "2"] {
        check_rejected(PINNED, other, "expected 1");
    }
    for absent in [None, Some(String::new())] {
        assert_eq!(PinnedEnvironment::read(|_| absent.clone()), Ok(None));
    }
}

/// A runner of an earlier version reads no pinned command. It must fail in a pinned build project, and not run another.
#[test]
fn runner_without_pins_finds_no_command() {
    let mut variables = variables();
    let read = |variables: &BTreeMap<&'static str, String>| {
        BuildEnvironment::from_variables(|name| variables.get(name).cloned()).map(|build| build.argv)
    };
    assert_eq!(read(&variables).unwrap_err().name, ARGV);
    // A worker of an earlier version would send it, and IAM denies that. The rest of the environment suffices.
    variables.insert(ARGV, r#"["./sent"]"#.to_owned());
    assert_eq!(read(&variables).unwrap(), ["./sent"]);
}
