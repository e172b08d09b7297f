use crate::invocation::Invocation;
use crate::stub::{Stub, StubResponse};

#[tokio::test]
async fn persistent_server_error_exits_5_after_five_attempts() {
    let sns = Stub::start(&[StubResponse::Error(500, "InternalFailure", "try again")]).await;
    let result = Invocation::with_sns(&sns, &["demo", "main", "--id", "7"]).run().await;
    result.assert_failed(5, &["InternalFailure", "--id 7"]);
    assert_eq!(sns.requests().len(), 5);
}

#[tokio::test]
async fn unreachable_service_exits_5() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let unused_address = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let sns = Stub::start(&[]).await;
    let result = Invocation::with_sns(&sns, &["demo", "main"]).env("AWS_ENDPOINT_URL_SNS", &unused_address).run().await;
    result.assert_failed(5, &["SNS in eu-west-1 gave no answer", "refused"]);
}

/// The same bytes are sent until they are published: with the same id, so that two arrivals are one job.
async fn check(errors: &[StubResponse]) {
    let sns = Stub::start(&[errors, &[StubResponse::Success]].concat()).await;
    let result = Invocation::with_sns(&sns, &["demo", "main"]).run().await;
    let id = result.job_id();
    let message = format!(r#"{{"project":"demo","branch":"main","id":"{id}"}}"#);
    assert_eq!(sns.messages(), vec![message; errors.len() + 1]);
}

#[tokio::test]
async fn throttled_publish_is_retried() {
    tokio::join!(
        check(&[StubResponse::Error(400, "Throttling", "Rate exceeded")]),
        check(&[StubResponse::Error(429, "Throttled", "Rate exceeded")]),
        check(&[StubResponse::Error(400, "KMSThrottling", "Rate exceeded")]),
        check(&[StubResponse::Error(503, "ServiceUnavailable", ""), StubResponse::Error(500, "InternalError", "")]),
    );
}

#[tokio::test]
async fn lost_publish_reply_is_retried_as_same_job() {
    check(&[StubResponse::TruncatedBody]).await;
}

#[tokio::test]
async fn timed_out_publish_attempt_is_retried() {
    check(&[StubResponse::NoResponse]).await;
}
