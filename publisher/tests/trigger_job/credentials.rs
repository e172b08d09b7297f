use std::time::{Duration, Instant};

use crate::invocation::{Invocation, TOPIC};
use crate::stub::{Stub, StubResponse};

#[tokio::test]
async fn missing_credentials_fail_immediately() {
    let began = Instant::now();
    let result = Invocation::new(&["demo", "main", TOPIC]).run().await;
    result.assert_failed(4, &["no AWS credentials", "AWS_ACCESS_KEY_ID"]);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test]
async fn hanging_instance_metadata_times_out() {
    let metadata = Stub::start(&[StubResponse::NoResponse]).await;
    let began = Instant::now();
    let result = Invocation::new(&["demo", "main", TOPIC])
        .without("AWS_EC2_METADATA_DISABLED")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &metadata.url())
        .run()
        .await;
    result.assert_failed(4, &["no AWS credentials"]);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

/// A run in a CI that has an OIDC token and no key.
fn with_oidc_token(aws: &Stub) -> Invocation {
    let run = Invocation::new(&["demo", "main", TOPIC]).env("AWS_ENDPOINT_URL", &aws.url());
    let token = run.directory().join("token");
    std::fs::write(&token, "header.payload.signature").unwrap();
    run.env("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap())
        .env("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/publisher")
}

#[tokio::test]
async fn web_identity_token_is_exchanged_for_role() {
    let aws = Stub::start(&[StubResponse::Success]).await;
    let result = with_oidc_token(&aws).run().await;
    assert_eq!(result.exit_code, Some(0), "{result:?}");
    let calls = aws.requests();
    let actions: Vec<&str> = calls.iter().map(|call| call.fields["Action"].as_str()).collect();
    assert_eq!(actions, ["AssumeRoleWithWebIdentity", "Publish"]);
    assert!(calls[1].authorization.contains("ASIAEXAMPLE"), "{}", calls[1].authorization);
}

#[tokio::test]
async fn hanging_token_exchange_times_out_after_ten_seconds() {
    let aws = Stub::start(&[StubResponse::NoResponse]).await;
    let began = Instant::now();
    with_oidc_token(&aws).run().await.assert_failed(4, &["no AWS credentials", "10s"]);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[tokio::test]
async fn profile_credential_process_is_used() {
    let sns = Stub::start(&[StubResponse::Success]).await;
    let run = Invocation::new(&["demo", "main", TOPIC]).env("AWS_ENDPOINT_URL_SNS", &sns.url());
    std::fs::create_dir(run.directory().join(".aws")).unwrap();
    let program = r#"echo '{"Version":1,"AccessKeyId":"AKIDPROGRAM","SecretAccessKey":"s"}'"#;
    std::fs::write(run.directory().join(".aws/config"), format!("[default]\ncredential_process = {program}\n"))
        .unwrap();
    let result = run.run().await;
    assert_eq!(result.exit_code, Some(0), "{result:?}");
    assert!(sns.requests()[0].authorization.contains("AKIDPROGRAM"));
}
