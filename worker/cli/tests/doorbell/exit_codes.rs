//! Each exit code by its number, as far as it needs no account. How a job ended (6, 7, 8, and 1 for a build that failed)
//! is tested in the sandbox: `worker/sandbox/tests/sandbox/cli/following.rs`.

use super::{KEY, doorbell};

const README: &str = include_str!("../../README.md");

#[track_caller]
fn check(arguments: &[&str], more: &[(&str, &str)], code: i32) {
    let output = doorbell(arguments, &[&KEY[..], more].concat());
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A file of that text, for as long as the test runs.
fn with_document(name: &str, text: &str, look: impl Fn(&str)) {
    let file = std::env::temp_dir().join(format!("doorbell-{}-{name}.json", std::process::id()));
    std::fs::write(&file, text).unwrap();
    look(file.to_str().unwrap());
    std::fs::remove_file(file).unwrap();
}

#[test]
fn completed_command_exits_with_0() {
    let sound = r#"{"gitUrl":"https://git.example.org/a.git","command":"./a","refs":["heads/*"],"buildProject":"ab"}"#;
    with_document("sound", sound, |file| check(&["project", "lint", file], &[], 0));
    check(&["--help"], &[], 0);
}

#[test]
fn failed_check_exits_with_1() {
    with_document("wrong", r#"{"gitUrl":5}"#, |file| check(&["project", "lint", file], &[], 1));
}

#[test]
fn invalid_argument_or_setting_exits_with_2() {
    check(&["jobs", "lost"], &[], 2);
    check(&["jobs", "list"], &[("DOORBELL_TABLE", "a b")], 2);
    check(&["jobs", "watch"], &[("DOORBELL_TABLE", "jobs"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1")], 2);
}

#[test]
fn missing_setting_or_file_exits_with_3() {
    check(&["jobs", "list"], &[], 3);
    check(&["project", "lint", "no-such-file.json"], &[], 3);
}

#[test]
fn missing_credentials_exit_with_4() {
    let without = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("DOORBELL_TABLE", "jobs")];
    check(&["jobs", "list"], &without, 4);
}

#[test]
fn failed_aws_call_exits_with_5() {
    let nowhere = [("DOORBELL_TABLE", "jobs"), ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_MAX_ATTEMPTS", "1")];
    check(&["jobs", "list"], &nowhere, 5);
}

/// `0    done` in the one, `| 0 | done |` in the other.
#[test]
fn help_and_readme_list_the_same_exit_codes() {
    let help = String::from_utf8(doorbell(&["--help"], &[("COLUMNS", "200")]).stdout).unwrap();
    let in_help: Vec<(&str, &str)> =
        help.split("Exit codes:\n").nth(1).unwrap().lines().filter_map(|line| line.trim().split_once(' ')).collect();
    let codes: Vec<&str> = in_help.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, ["0", "1", "2", "3", "4", "5", "6", "7", "8", "130", "141"]);
    let page = README.split("\n## Exit codes\n").nth(1).unwrap();
    for (code, meaning) in in_help {
        assert!(page.contains(&format!("| {code} | {}", meaning.trim())), "{code} is not {meaning} in the page");
    }
}
