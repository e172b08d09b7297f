use crate::invocation::{Invocation, TOPIC};

#[tokio::test]
async fn dry_run_needs_no_credentials_or_network() {
    let result = Invocation::new(&["demo", "main", TOPIC, "--id", "7", "--var", "STAGE=test", "--dry-run"]).run().await;
    assert_eq!(result.exit_code, Some(0), "{result:?}");
    assert_eq!(
        result.stdout,
        format!(
            "topic   {TOPIC}\nregion  eu-west-1\nmessage {}\n",
            r#"{"project":"demo","branch":"main","id":"7","variables":{"STAGE":"test"}}"#
        )
    );
}

#[tokio::test]
async fn dry_run_json_shape_is_stable() {
    let result = Invocation::new(&["demo", "main", TOPIC, "--id", "7", "--dry-run", "--output", "json"]).run().await;
    let message = r#"{"project":"demo","branch":"main","id":"7"}"#;
    assert_eq!(result.stdout, format!("{{\"topicArn\":\"{TOPIC}\",\"region\":\"eu-west-1\",\"message\":{message}}}\n"));
}

#[tokio::test]
async fn dry_run_shows_generated_request_id() {
    let result = Invocation::new(&["demo", "main", TOPIC, "--dry-run"]).run().await;
    assert!(result.stdout.contains(r#""id":""#), "{}", result.stdout);
}
