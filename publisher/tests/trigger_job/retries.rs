use crate::invocation::Invocation;
use crate::stub::{Stub, StubResponse};

#[tokio::test]
async fn a_service_that_stays_broken_is_exit_code_5_after_five_attempts() {
    let sns = Stub::start(&[StubResponse::Error(500, "InternalFailure", "try again")]).await;
    let result = Invocation::with_sns(&sns, &["demo", "main", "--id", "7"]).run().await;
    result.assert_failed(5, &["InternalFailure", "--id 7"]);
    assert_eq!(sns.requests().len(), 5);
}

#[tokio::test]
async fn a_service_that_can_not_be_reached_is_exit_code_5() {
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
async fn every_kind_of_throttling_is_waited_out() {
    tokio::join!(
        check(&[StubResponse::Error(400, "Throttling", "Rate exceeded")]),
        check(&[StubResponse::Error(429, "Throttled", "Rate exceeded")]),
        check(&[StubResponse::Error(400, "KMSThrottling", "Rate exceeded")]),
        check(&[StubResponse::Error(503, "ServiceUnavailable", ""), StubResponse::Error(500, "InternalError", "")]),
    );
}

#[tokio::test]
async fn a_lost_reply_is_published_again_as_the_same_job() {
    check(&[StubResponse::TruncatedBody]).await;
}

#[tokio::test]
async fn an_attempt_without_any_answer_is_given_up_and_made_again() {
    check(&[StubResponse::NoResponse]).await;
}
