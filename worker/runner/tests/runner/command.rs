use std::fs;

use crate::fixture::RunnerFixture;

#[test]
fn command_runs_in_checkout_with_its_arguments() {
    let fixture = RunnerFixture::new();
    let result = fixture
        .build()
        .assert_exit(0)
        .assert_log("project demo, job here:demo#1#abc")
        .assert_log(r#"running ["./deploy", "main"] in ".""#);
    assert_eq!(result.stdout, "deployed main\n");
    assert!(result.log.contains("the command exited with 0"), "{}", result.log);
    assert!(result.log.lines().all(|line| line.is_empty() || line.starts_with("doorbell: ")), "{}", result.log);
}

#[test]
fn command_exit_code_is_passed_on_unless_reserved() {
    let fixture = RunnerFixture::new();
    let check = |script: &str, code: i32| {
        let result = fixture.build().shell(script).assert_exit(code);
        fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
        result
    };
    for code in [0, 1, 2, 127, 239, 248, 255] {
        check(&format!("exit {code}"), code);
    }
    for code in 240..=247 {
        check(&format!("exit {code}"), 1).assert_log("reported as 1");
    }
    check("kill -KILL $$", 137).assert_log("killed by signal 9");
    check("kill -SEGV $$", 139);
}

#[test]
fn runner_line_does_not_continue_the_commands_last_line() {
    let fixture = RunnerFixture::new();
    let result = fixture.build().shell("printf 'a line without an end' >&2").assert_exit(0);
    assert!(result.log.contains("a line without an end\ndoorbell: the command exited with 0"), "{}", result.log);
    let fixture = RunnerFixture::new();
    let stopped = fixture.build().with("DOORBELL_TIMEOUT_SECONDS", "1").shell("printf waiting >&2; sleep 60");
    let log = stopped.assert_exit(244).log;
    assert!(log.contains("waiting\ndoorbell: stopped with TERM"), "{log}");
}

#[test]
fn command_environment_has_build_variables_without_git() {
    let fixture = RunnerFixture::new();
    let build = fixture
        .build()
        .with("DOORBELL_VAR_STAGE", "blue")
        .with("DOORBELL_GIT_CREDENTIALS", "hush-hush")
        .shell("env; echo; readlink /proc/self/fd/0; pwd");
    let stdout = build.assert_exit(0).stdout;
    let has = |line: &str| stdout.lines().any(|other| other == line);
    for line in [
        "PROJECT_NAME=demo",
        "PROJECTNAME=demo",
        "GIT_BRANCH=main",
        "GITBRANCH=main",
        "STAGE=blue",
        "DOORBELL_JOB_ID=here:demo#1#abc",
        "/dev/null",
    ] {
        assert!(has(line), "{line} is not in {stdout}");
    }
    let here = fs::canonicalize(fixture.path("build/checkout")).unwrap();
    assert!(has(here.to_str().unwrap()) && has(&format!("PWD={}", here.display())), "{stdout}");
    assert!(
        !["DOORBELL_VAR_", "DOORBELL_GIT_", "GIT_CONFIG", "hush"].iter().any(|hidden| stdout.contains(hidden)),
        "{stdout}"
    );
}

#[test]
fn reserved_variable_ends_the_build_before_the_checkout() {
    let fixture = RunnerFixture::new();
    for name in ["GIT_SSH_COMMAND", "https_proxy", "DOORBELL_ARGV", "1", ""] {
        let build = fixture.build().with(&format!("DOORBELL_VAR_{name}"), "x");
        build.assert_exit(240).assert_log(&format!("environment variable DOORBELL_VAR_{name}: "));
        assert!(!build.checkout_exists(), "{name}");
    }
}

#[test]
fn program_is_resolved_from_working_directory_or_path() {
    let fixture = RunnerFixture::new();
    fixture.script("sub/tool", "#!/bin/sh\necho \"$0\"; exec basename \"$PWD\"\n");
    fixture.commit("tool");
    let check = |directory: &str, program: &str, stdout: &str| {
        let result = fixture.build().with("DOORBELL_DIRECTORY", directory).argv(&[program]).assert_exit(0);
        assert_eq!(result.stdout, stdout, "{directory} {program}");
        fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    };
    check("sub", "./tool", "./tool\nsub\n");
    check(".", "sub/tool", "sub/tool\ncheckout\n");
    check("./sub/", "../sub/tool", "../sub/tool\nsub\n");
    check("sub", "true", "");
}

#[test]
fn command_that_cannot_be_executed_is_explained() {
    let fixture = RunnerFixture::new();
    fixture.write("plain", "#!/bin/sh\n");
    fixture.script("interpreter", "#!/no/such/shell -e\n");
    fixture.script("windows", "#!/bin/sh\r\n");
    fixture.script("no-line", "echo hello\n");
    fixture.script("garbage", "\u{1}\u{2}\u{3}garbage");
    fixture.script("sub/x", "#!/bin/sh\n");
    fixture.commit("programs");
    let check = |program: &str, words: &str| {
        fixture.build().argv(&[program]).assert_exit(243).assert_log(words);
        fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    };
    check("./missing", r#""./missing" is not there"#);
    check("missing", "is in no folder of PATH (a file of the repository is named with a slash, as ./missing)");
    check("./plain", "is there, but not executable: git update-index --chmod=+x");
    check("./interpreter", r#"but not its interpreter "/no/such/shell""#);
    check("./windows", r#"but not its interpreter "/bin/sh\r""#);
    check("./no-line", "is a text file without a first line that names its interpreter");
    check("./garbage", "is not a program for this machine");
    check("./sub", "is a folder");
    check("./plain/x", "can't be executed");
}

#[test]
fn working_directory_outside_checkout_is_rejected() {
    let fixture = RunnerFixture::new();
    fixture.write("file", "");
    fixture.write("sub/x", "");
    let link =
        |target: &str, name: &str| std::os::unix::fs::symlink(target, fixture.path("repository").join(name)).unwrap();
    link("sub", "inside");
    link("/", "root");
    link("..", "parent");
    link("../../..", "far");
    link("loop", "loop");
    link("../checkout-2", "beside");
    fs::create_dir(fixture.path("build/checkout-2")).unwrap();
    fixture.commit("links");
    let check = |directory: &str, code: i32, words: &str| {
        fixture
            .build()
            .with("DOORBELL_DIRECTORY", directory)
            .argv(&["touch", "canary"])
            .assert_exit(code)
            .assert_log(words);
        fs::remove_dir_all(fixture.path("build/checkout")).unwrap();
    };
    check("inside", 0, "");
    check("sub/./", 0, "");
    for directory in ["root", "root/tmp", "parent", "far", "beside", "sub/../parent"] {
        if directory.contains("..") {
            fixture.build().with("DOORBELL_DIRECTORY", directory).assert_exit(240).assert_log("DOORBELL_DIRECTORY");
        } else {
            check(directory, 243, "leads out of the checkout");
        }
    }
    check("missing", 243, "is not in this commit");
    check("loop", 243, "is not in this commit");
    check("file", 243, "is not a folder");
    assert!(!fixture.path("build/canary").exists() && !fixture.path("build/checkout-2/canary").exists());
}

#[test]
fn invalid_or_missing_build_variable_is_named() {
    let fixture = RunnerFixture::new();
    let names = [
        "DOORBELL_JOB_ID",
        "DOORBELL_PROJECT",
        "DOORBELL_REF",
        "DOORBELL_COMMIT_RULE",
        "DOORBELL_GIT_URL",
        "DOORBELL_ARGV",
        "DOORBELL_DIRECTORY",
        "DOORBELL_TIMEOUT_SECONDS",
    ];
    for name in names {
        let mut build = fixture.build();
        build.variables.remove(name);
        build.assert_exit(240).assert_log(name);
    }
    fixture.build().with("DOORBELL_GIT_PROTOCOLS", "ext").assert_exit(240).assert_log("DOORBELL_GIT_PROTOCOLS");
    fixture
        .build()
        .with("DOORBELL_KILL_GRACE_SECONDS", "soon")
        .assert_exit(240)
        .assert_log("DOORBELL_KILL_GRACE_SECONDS");
    assert!(!fixture.build().checkout_exists());
}
