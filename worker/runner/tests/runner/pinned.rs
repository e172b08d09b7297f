//! Builds in a pinned build project: the owner's settings decide, and not what a worker sends.
use crate::fixture::{RunnerBuild, RunnerFixture};

/// A build of `main` in a build project that fixes `./deploy` with the ref as its argument.
fn pinned_build(fixture: &RunnerFixture) -> RunnerBuild {
    let mut build = fixture.build();
    build.variables.remove("DOORBELL_ARGV");
    build
        .with("DOORBELL_JOB_ID", "here:demo#1#0123456789abcdef01234567")
        .with("DOORBELL_PINNED", "1")
        .with("DOORBELL_PROGRAM", r#"["./deploy"]"#)
        .with("DOORBELL_APPEND_REF", "1")
        .with("DOORBELL_REFS", r#"["heads/main"]"#)
        .with("DOORBELL_VARIABLES", r#"["STAGE"]"#)
}

#[test]
fn pinned_build_runs_the_pinned_command() {
    let fixture = RunnerFixture::new();
    fixture.script("deploy", "#!/bin/sh\necho \"deployed $* to $STAGE\"\n");
    fixture.script("other", "#!/bin/sh\necho other\n");
    fixture.commit("scripts");
    let build = pinned_build(&fixture).with("DOORBELL_VAR_STAGE", "blue").argv(&["./other"]);
    assert_eq!(build.assert_exit(0).stdout, "deployed main to blue\n");
}

#[test]
fn pinned_build_rejects_other_ref_variable_and_project() {
    let fixture = RunnerFixture::new();
    fixture.git(&["branch", "other"]);
    let check = |name: &str, value: &str, problem: &str| {
        let build = pinned_build(&fixture).with(name, value);
        let result = build.assert_exit(240).assert_log(&format!("environment variable {name}: ")).assert_log(problem);
        assert_eq!(result.stdout, "");
        assert!(!build.checkout_exists(), "{name}={value}");
    };
    check("DOORBELL_REF", "refs/heads/other", "not among the refs");
    check("DOORBELL_REF", "refs/pull/1/head", "not among the refs");
    check("DOORBELL_VAR_LEVEL", "x", "does not let requests set LEVEL");
    check("DOORBELL_VAR_PATH", "x", "reserved");
    check("DOORBELL_JOB_ID", "here:shop#1#0123456789abcdef01234567", "no job of the project demo");
    check("DOORBELL_PINNED", "0", "expected 1");
}

/// A listed name that is reserved stays reserved: the list is the owner's, and the rule protects the owner.
#[test]
fn reserved_variable_is_rejected_even_if_pinned() {
    let fixture = RunnerFixture::new();
    let build = pinned_build(&fixture).with("DOORBELL_VARIABLES", r#"["PATH","LD_PRELOAD"]"#);
    for name in ["PATH", "LD_PRELOAD"] {
        build.clone().with(&format!("DOORBELL_VAR_{name}"), "x").assert_exit(240).assert_log("reserved");
    }
}
