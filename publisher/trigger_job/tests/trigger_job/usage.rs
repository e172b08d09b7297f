use crate::invocation::{Invocation, TOPIC};

async fn check(arguments: &[&str], code: i32, parts: &[&str]) {
    Invocation::new(arguments).run().await.assert_failed(code, parts);
}

#[tokio::test]
async fn invalid_value_exits_2_with_its_rule() {
    check(&["de/mo", "main", TOPIC], 2, &["PROJECT", "expected a project name"]).await;
    check(&["demo", "a b", TOPIC], 2, &["BRANCH", "without spaces"]).await;
    check(&["demo", "main", "doorbell"], 2, &["--topic-arn", "arn:<partition>:sns"]).await;
    check(&["demo", "main", TOPIC, "--commit", "abc"], 2, &["--commit", "40 or 64"]).await;
    check(
        &["demo", "main", TOPIC, "--pull-request", "1"],
        2,
        &["BRANCH", "give only one of BRANCH, --tag and --pull-request"],
    )
    .await;
}

#[tokio::test]
async fn arguments_in_usage_errors_are_escaped() {
    let hostile = "\u{1b}]0;x\u{7}\u{9b}31m\n::error::forged\u{202e}\u{200b}";
    for arguments in [vec!["--output", hostile], vec!["demo", "main", TOPIC, hostile]] {
        let result = Invocation::new(&arguments).run().await;
        assert_eq!(result.exit_code, Some(2), "{}", result.stderr);
        let is_hostile = |c: char| c != '\n' && doorbell_messages::text::is_unsafe_in_line(c);
        assert!(!result.stderr.contains(is_hostile), "{:?}", result.stderr);
        assert!(!result.stderr.lines().any(|line| line.starts_with("::")), "{:?}", result.stderr);
    }
}

#[tokio::test]
async fn conflicting_options_exit_2() {
    check(&["demo", "main", TOPIC, "--cancel"], 2, &["--id"]).await;
    check(&["demo", "main", TOPIC, "--topic-arn", TOPIC], 2, &["--topic-arn"]).await;
    check(&["demo", "--tag", "a", "--pull-request", "1"], 2, &["--pull-request"]).await;
    check(&["--no-such-option"], 2, &["--no-such-option"]).await;
}

#[tokio::test]
async fn stray_argument_exits_2_and_forges_no_line() {
    let forged = "x\n::error::forged";
    for arguments in [
        &["demo", "main", TOPIC, forged][..],
        &["demo", "main", TOPIC, "a", forged],
        &["demo", "--x\n::error::forged"],
        &["demo", "--output=\n::error::forged"],
        &["man", forged],
    ] {
        let result = Invocation::new(arguments).run().await;
        result.assert_failed(2, &["error: "]);
        assert!(!result.stderr.lines().any(|line| line.starts_with("::error::")), "{}", result.stderr);
    }
    check(&["demo", "main", TOPIC, "page"], 2, &["more than three arguments: \"page\"", "quote each value"]).await;
    let shown = Invocation::new(&["demo", "main", TOPIC, "page", "--show-context"]).run().await;
    assert!(shown.exit_code == Some(2) && shown.stdout.contains("refs/heads/main"), "{shown:?}");
}

#[tokio::test]
async fn missing_values_exit_3_and_are_all_named() {
    check(&[], 3, &["no project", "no branch", "no topic", "DOORBELL_TOPIC_ARN"]).await;
}

#[tokio::test]
async fn help_lists_every_exit_code_and_variable() {
    let result = Invocation::new(&["--help"]).run().await;
    assert_eq!(result.exit_code, Some(0));
    for part in ["  0    ", "  2    ", "  3    ", "  4    ", "  5    ", "  130  ", "Examples:"] {
        assert!(result.stdout.contains(part), "{part}");
    }
    for name in ["DOORBELL_PROJECT", "DOORBELL_BRANCH", "DOORBELL_TOPIC_ARN", "GIT_BRANCH", "IWOMPINAWS_PROJECT"] {
        assert!(result.stdout.contains(name), "{name}");
    }
}

#[tokio::test]
async fn version_output_matches_package() {
    let result = Invocation::new(&["--version"]).run().await;
    assert_eq!(result.stdout, concat!("trigger_job ", env!("CARGO_PKG_VERSION"), "\n"));
}
