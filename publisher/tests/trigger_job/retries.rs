use crate::run::Run;
use crate::stub::{Answer, Stub};

#[tokio::test]
async fn a_service_that_stays_broken_is_exit_code_5_after_five_attempts() {
    let sns = Stub::answering(&[Answer::Refused(500, "InternalFailure", "try again")]).await;
    let ended = Run::against(&sns, &["demo", "main", "--id", "7"]).end().await;
    ended.assert_failed(5, &["InternalFailure", "--id 7"]);
    assert_eq!(sns.calls().len(), 5);
}

#[tokio::test]
async fn a_service_that_can_not_be_reached_is_exit_code_5() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let sns = Stub::answering(&[]).await;
    let ended = Run::against(&sns, &["demo", "main"]).env("AWS_ENDPOINT_URL_SNS", &nobody).end().await;
    ended.assert_failed(5, &["SNS in eu-west-1 gave no answer", "refused"]);
}

/// The same bytes are sent until they are published: with the same id, so that two arrivals are one job.
async fn check(trouble: &[Answer]) {
    let sns = Stub::answering(&[trouble, &[Answer::Done]].concat()).await;
    let ended = Run::against(&sns, &["demo", "main"]).end().await;
    let id = ended.job_id();
    let message = format!(r#"{{"project":"demo","branch":"main","id":"{id}"}}"#);
    assert_eq!(sns.messages(), vec![message; trouble.len() + 1]);
}

#[tokio::test]
async fn every_kind_of_throttling_is_waited_out() {
    tokio::join!(
        check(&[Answer::Refused(400, "Throttling", "Rate exceeded")]),
        check(&[Answer::Refused(429, "Throttled", "Rate exceeded")]),
        check(&[Answer::Refused(400, "KMSThrottling", "Rate exceeded")]),
        check(&[Answer::Refused(503, "ServiceUnavailable", ""), Answer::Refused(500, "InternalError", "")]),
    );
}

#[tokio::test]
async fn a_lost_reply_is_published_again_as_the_same_job() {
    check(&[Answer::LostReply]).await;
}

#[tokio::test]
async fn an_attempt_without_any_answer_is_given_up_and_made_again() {
    check(&[Answer::Silence]).await;
}
