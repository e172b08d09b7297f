//! `bin/trigger_job.sh`, with a program called `aws` that keeps what it was given.
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use doorbell_messages::{Request, SingleLineText};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::invocation::TOPIC;

/// A directory with a stub of the AWS CLI, which is first on the script's PATH.
struct ScriptFixture {
    directory: TempDir,
    variables: Vec<(&'static str, &'static str)>,
}

impl ScriptFixture {
    /// `aws` keeps its arguments, each with a NUL behind it, and then does this.
    fn with_aws(then: &str) -> Self {
        let directory = TempDir::new().unwrap();
        let program = directory.path().join("aws");
        let script = format!("#!/bin/sh\nprintf '%s\\0' \"$@\" >\"{}/input\"\n{then}\n", directory.path().display());
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Self { directory, variables: Vec::new() }
    }

    fn publishing() -> Self {
        Self::with_aws("echo 567910cd-659e-55d4-8ccb-5aaf14679dc0")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let path = format!("{}:{}", self.directory.path().display(), std::env::var("PATH").unwrap());
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../bin/trigger_job.sh");
        Command::new("sh")
            .arg(script)
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .envs(self.variables.iter().copied())
            .current_dir(self.directory.path())
            .env("GIT_CEILING_DIRECTORIES", self.directory.path().parent().unwrap())
            .output()
            .unwrap()
    }

    /// What `aws` was given.
    fn aws_arguments(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.directory.path().join("input")).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    fn message(&self) -> String {
        let arguments = self.aws_arguments();
        let at = arguments.iter().position(|argument| argument == "--message").unwrap();
        arguments[at + 1].clone()
    }
}

#[track_caller]
fn run_successfully(arguments: &[&str]) -> ScriptFixture {
    let script = ScriptFixture::publishing();
    let output = script.run(arguments);
    assert!(output.status.success(), "{output:?}");
    script
}

#[test]
fn script_message_matches_program_request() {
    let commit = "0123456789abcdef0123456789abcdef01234567";
    let script =
        run_successfully(&["demo", "main", TOPIC, "--id", "7", "--commit", commit, "--var", "A=b=c", "--var=B="]);
    let want = json!({
        "project": "demo", "branch": "main", "id": "7", "commit": commit, "variables": { "A": "b=c", "B": "" }
    });
    assert_eq!(serde_json::from_str::<Value>(&script.message()).unwrap(), want);
    Request::parse(&script.message()).unwrap();
    let aws_arguments = script.aws_arguments();
    for pair in [["--topic-arn", TOPIC], ["--region", "eu-west-1"], ["--message-group-id", "demo"]] {
        assert!(aws_arguments.windows(2).any(|two| two == pair), "{aws_arguments:?}");
    }

    for (arguments, field) in [
        (["demo", "--tag", "v1", TOPIC], json!({ "tag": "v1" })),
        (["demo", "--pull-request", "12", TOPIC], json!({ "pullRequest": 12 })),
    ] {
        let [project, option, value, topic] = arguments;
        let script = run_successfully(&[project, option, value, "--topic-arn", topic, "--id=7"]);
        let mut want = json!({ "project": "demo", "id": "7" });
        want.as_object_mut().unwrap().extend(field.as_object().unwrap().clone());
        assert_eq!(serde_json::from_str::<Value>(&script.message()).unwrap(), want);
    }
}

#[test]
fn hostile_text_is_quoted_and_never_executed() {
    let all_controls: String = (1..32_u8).map(char::from).collect();
    let long = "x\"\\".repeat(3000);
    for hostile in [
        r#"a","branch":"evil"#,
        r#"back\slash\"and quote"#,
        "\\",
        "\"",
        "trailing new line\n\n",
        "$(touch pwned) `touch pwned` ${HOME}",
        "'; touch pwned; '",
        "% %s %d \\n \\u0041 &",
        "ümlaut \u{1f600} \u{202e}",
        "\u{7f}",
        "-n",
        "--cause",
        " spaces  inside ",
        "* ? [a-z] ~",
        &all_controls,
        &long,
    ] {
        // The script quotes, and cuts the cause; what else is allowed is the worker's to say.
        let variable = format!("A={hostile}");
        let cause = format!("--cause={hostile}");
        let script = run_successfully(&["demo", "main", TOPIC, "--id", "7", &cause, "--var", &variable]);
        let found: Value =
            serde_json::from_str(&script.message()).unwrap_or_else(|error| panic!("{hostile:?}: {error}"));
        let mut want = json!({ "project": "demo", "branch": "main", "id": "7", "variables": { "A": hostile } });
        if let Some(cause) = SingleLineText::first_line_of(hostile) {
            want["cause"] = cause.as_str().into();
        }
        assert_eq!(found, want, "{hostile:?}");
        assert!(!script.directory.path().join("pwned").exists(), "{hostile:?} was run");
    }
}

#[test]
fn hostile_names_are_quoted() {
    let script = run_successfully(&["de\"mo", "ma\\in\",\"x\":\"", TOPIC, "--id", "7\"", "--var", "A\"=1"]);
    let found: Value = serde_json::from_str(&script.message()).unwrap();
    let want = json!({ "project": "de\"mo", "branch": "ma\\in\",\"x\":\"", "id": "7\"", "variables": { "A\"": "1" } });
    assert_eq!(found, want);
}

#[test]
fn script_keeps_iwomp_arguments_and_variables() {
    let mut script = ScriptFixture::publishing();
    script.variables =
        vec![("IWOMPINAWS_PROJECT", "demo"), ("GIT_BRANCH", "origin/main"), ("IWOMPINAWS_TOPIC_ARN", TOPIC)];
    assert!(script.run(&[]).status.success());
    let request = Request::parse(&script.message()).unwrap();
    assert_eq!((request.project.as_str(), &*request.git_ref.full()), ("demo", "refs/heads/main"));
    assert_eq!(request.id.unwrap().as_str().len(), 32, "every message has an id of its own");
    script.variables[1].1 = "refs/heads/main";
    assert!(script.run(&[]).status.success());
    assert_eq!(Request::parse(&script.message()).unwrap().git_ref.full(), "refs/heads/main");
}

#[test]
fn script_prints_aws_message_id() {
    let text = ScriptFixture::publishing().run(&["demo", "main", TOPIC, "--id", "7"]);
    assert_eq!(String::from_utf8_lossy(&text.stdout), "567910cd-659e-55d4-8ccb-5aaf14679dc0\n");
    let json = ScriptFixture::publishing().run(&["demo", "main", TOPIC, "--id", "7", "--output", "json"]);
    let want = r#"{"messageId":"567910cd-659e-55d4-8ccb-5aaf14679dc0","id":"7"}"#;
    assert_eq!(String::from_utf8_lossy(&json.stdout), format!("{want}\n"));
    let dry = ScriptFixture::with_aws("exit 9").run(&["demo", "main", TOPIC, "--id", "7", "--dry-run"]);
    assert_eq!(String::from_utf8_lossy(&dry.stdout), "{\"project\":\"demo\",\"branch\":\"main\",\"id\":\"7\"}\n");
}

#[track_caller]
fn check(then: &str, arguments: &[&str], code: i32, part: &str) {
    let output = ScriptFixture::with_aws(then).run(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert!(output.stdout.is_empty() && stderr.contains(part), "{output:?}");
}

#[test]
fn script_exit_codes_match_program() {
    let good = ["demo", "main", TOPIC, "--id", "7"];
    let says =
        |text: &str| format!("echo 'An error occurred ({text}) when calling the Publish operation' >&2; exit 254");
    check(&says("AuthorizationError"), &good, 4, "may not publish");
    check(&says("InvalidClientTokenId"), &good, 4, "does not take these credentials");
    check("echo 'Unable to locate credentials' >&2; exit 253", &good, 4, "there are none");
    check(&says("NotFound"), &good, 2, "knows no topic");
    check(&says("InternalFailure"), &good, 5, "--id 7");
    check("exit 130", &good, 130, "interrupted");

    check("", &["demo", "main", "topic"], 2, "a topic is");
    check("", &["demo", "main", TOPIC, "--tag", "v1"], 2, "give one");
    check("", &["demo", "--pull-request=007", "--topic-arn", TOPIC], 2, "1 or more");
    check("", &["demo", "main", TOPIC, "--var", "A"], 2, "NAME=VALUE");
    check("", &["demo", "main", TOPIC, "--cancel"], 2, "--id");
    check("", &["demo", "main", TOPIC, "--none", "x"], 2, "--none");
    check("", &["demo", "main", TOPIC, "--output", "xml"], 2, "text or json");
    check("", &["a", "b", TOPIC, "d"], 2, "more than three");
    check("", &["demo", "refs/pull/7/merge", TOPIC], 2, "no branch");
    check("", &["demo", "-x"], 2, "unknown option -x");
    check("", &["demo", "main", TOPIC, "a\n::error::b"], 2, "a ::error::b");
    check("", &["demo", "main", "--id"], 2, "needs a value");
    check("", &[], 3, "no project");
    check("", &["demo", "main"], 3, "no topic");
    check("", &["demo", "", TOPIC], 3, "no branch");
}

#[test]
fn script_help_fits_into_60_columns() {
    let output = ScriptFixture::publishing().run(&["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("Examples:") && help.contains("Exit codes:"), "{help}");
    assert!(help.lines().all(|line| line.len() <= 60), "{help}");
}
