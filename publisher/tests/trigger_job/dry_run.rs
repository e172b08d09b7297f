use crate::run::{Run, TOPIC};

#[tokio::test]
async fn a_dry_run_shows_what_would_be_sent_without_credentials_or_network() {
    let ended = Run::bare(&["demo", "main", TOPIC, "--id", "7", "--var", "STAGE=test", "--dry-run"]).end().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(
        ended.stdout,
        format!(
            "topic   {TOPIC}\nregion  eu-west-1\nmessage {}\n",
            r#"{"project":"demo","branch":"main","id":"7","variables":{"STAGE":"test"}}"#
        )
    );
}

#[tokio::test]
async fn the_json_of_a_dry_run_keeps_its_shape() {
    let ended = Run::bare(&["demo", "main", TOPIC, "--id", "7", "--dry-run", "--output", "json"]).end().await;
    let message = r#"{"project":"demo","branch":"main","id":"7"}"#;
    assert_eq!(ended.stdout, format!("{{\"topicArn\":\"{TOPIC}\",\"region\":\"eu-west-1\",\"message\":{message}}}\n"));
}

#[tokio::test]
async fn a_request_that_got_no_id_shows_the_one_it_would_have() {
    let ended = Run::bare(&["demo", "main", TOPIC, "--dry-run"]).end().await;
    assert!(ended.stdout.contains(r#""id":""#), "{}", ended.stdout);
}
