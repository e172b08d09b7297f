use std::time::Duration;

use doorbell_sandbox::forge::{Answer, Calls, Failure, Fault, FlagStatus, Hold};
use reqwest::StatusCode;
use tokio_util::sync::CancellationToken;

use super::{HASH, PATIENCE, Stage};

#[tokio::test]
async fn a_failure_before_leaves_nothing_and_one_after_leaves_the_flag() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    stage.forge.fail_next(1, Calls::FlagPosts, Fault::Before(Failure::html(StatusCode::BAD_GATEWAY)));
    stage.forge.fail_next(1, Calls::FlagPosts, Fault::After(Failure::html(StatusCode::INTERNAL_SERVER_ERROR)));
    let check = async |status: u16, shown: &[&str]| {
        let answer = stage.flag(&token, "u", "success").send().await.unwrap();
        let is_page = answer.headers()["content-type"] == "text/html; charset=utf-8";
        assert_eq!((answer.status().as_u16(), is_page), (status, status != 200));
        assert_eq!(stage.shown(HASH), shown);
    };
    check(502, &[]).await;
    check(500, &["u success"]).await;
    assert_eq!(stage.forge.faults_left(), 0);
    check(200, &["u success"]).await;
    assert_eq!(stage.forge.flag_history(HASH, "u"), [FlagStatus::Success; 2]);
}

#[tokio::test]
async fn a_fault_waits_for_calls_of_its_kind() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    stage.forge.fail_next(1, Calls::Git, Fault::Before(Failure::html(StatusCode::BAD_GATEWAY)));
    stage.forge.fail_next(2, Calls::FlagPosts, Fault::Before(Failure::database_error()));
    assert_eq!(stage.get("/api/0/version").await.status(), 200);
    for _ in 0..2 {
        let answer = stage.flag(&token, "u", "success").send().await.unwrap();
        assert_eq!(answer.status(), 400);
        assert!(answer.text().await.unwrap().contains("EDBERROR"));
    }
    assert_eq!(stage.flag(&token, "u", "success").send().await.unwrap().status(), 200);
    assert_eq!(stage.get("/demo.git/info/refs?service=git-upload-pack").await.status(), 502);
    assert_eq!(stage.get("/demo.git/info/refs?service=git-upload-pack").await.status(), 200);
}

#[tokio::test]
async fn a_spared_call_lets_the_next_one_fail() {
    let stage = Stage::set().await;
    stage.forge.fail_next(1, Calls::Api, Fault::Spare);
    stage.forge.fail_next(1, Calls::Api, Fault::Before(Failure::html(StatusCode::BAD_GATEWAY)));
    assert_eq!(stage.get("/api/0/demo").await.status(), 200);
    assert_eq!(stage.get("/api/0/demo").await.status(), 502);
}

#[tokio::test]
async fn a_lost_connection_answers_nothing_whether_the_work_was_done_or_not() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    stage.forge.fail_next(1, Calls::Api, Fault::Before(Failure::Disconnect));
    stage.forge.fail_next(1, Calls::Api, Fault::After(Failure::Disconnect));
    for shown in [&[][..], &["u success"]] {
        let error = stage.flag(&token, "u", "success").send().await.unwrap_err();
        assert!(error.is_request() && !error.is_timeout(), "{error:?}");
        assert_eq!(stage.shown(HASH), shown);
    }
    assert_eq!(stage.forge.calls().iter().map(|call| call.status).collect::<Vec<_>>(), [None, None]);
}

#[tokio::test]
async fn a_held_request_is_carried_out_after_its_caller_has_gone() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    let released = CancellationToken::new();
    stage.forge.fail_next(1, Calls::FlagPosts, Fault::HoldRequest(Hold::Until(released.clone())));
    let late = stage.flag(&token, "u", "pending").timeout(Duration::from_millis(300)).send().await;
    assert!(late.unwrap_err().is_timeout());
    assert_eq!(stage.flag(&token, "u", "success").send().await.unwrap().status(), 200);
    assert_eq!(stage.shown(HASH), ["u success"]);
    released.cancel();
    stage.forge.wait_until(PATIENCE, "the late flag", |forge| forge.flag_posts().len() == 2).await.unwrap();
    assert_eq!(stage.shown(HASH), ["u pending"]);
    assert_eq!(stage.forge.calls()[0].status, None);
}

#[tokio::test]
async fn a_held_reply_comes_late_and_its_work_is_done_at_once() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    let released = CancellationToken::new();
    stage.forge.fail_next(1, Calls::FlagPosts, Fault::HoldReply(Hold::Until(released.clone())));
    let release_when_stored = async {
        stage.forge.wait_until(PATIENCE, "the flag", |forge| !forge.flags(HASH).is_empty()).await.unwrap();
        assert_eq!(stage.forge.calls()[0].status, None);
        released.cancel();
    };
    let (answer, ()) = tokio::join!(stage.flag(&token, "u", "success").send(), release_when_stored);
    assert_eq!(answer.unwrap().status(), 200);
    stage.forge.fail_next(1, Calls::FlagPosts, Fault::HoldReply(Hold::For(PATIENCE)));
    let slow = stage.flag(&token, "u", "error").timeout(Duration::from_millis(300)).send().await;
    assert!(slow.unwrap_err().is_timeout());
}

#[tokio::test]
async fn a_redirect_and_a_retry_after_are_passed_as_given() {
    let stage = Stage::set().await;
    let to = "https://127.0.0.1:9/elsewhere";
    let redirect = Answer::redirect(StatusCode::FOUND, to.parse().unwrap());
    stage.forge.fail_next(1, Calls::Api, Fault::Before(Failure::Answer(redirect)));
    let busy = Answer::html(StatusCode::SERVICE_UNAVAILABLE).with("retry-after".parse().unwrap(), "7".parse().unwrap());
    stage.forge.fail_next(1, Calls::Api, Fault::Before(Failure::Answer(busy)));
    let answer = stage.get("/api/0/demo").await;
    assert_eq!((answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()), (302, to));
    let answer = stage.get("/api/0/demo").await;
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "7"));
}

#[tokio::test]
async fn an_endless_body_goes_on_for_as_long_as_it_is_read() {
    let stage = Stage::set().await;
    stage.forge.fail_next(1, Calls::Api, Fault::Before(Failure::EndlessBody));
    let mut answer = stage.get("/api/0/demo").await;
    assert_eq!(answer.status(), 200);
    let mut read = 0;
    while read < 1_000_000 {
        read += answer.chunk().await.unwrap().expect("the body ended").len();
    }
}

#[tokio::test]
async fn a_token_can_be_revoked_under_the_callers_hands() {
    let stage = Stage::set().await;
    let token = stage.flag_token();
    stage.forge.fail_next(1, Calls::FlagPosts, Fault::Spare);
    stage.forge.fail_next(1, Calls::FlagPosts, Fault::RevokeToken);
    assert_eq!(stage.flag(&token, "u", "pending").send().await.unwrap().status(), 200);
    assert_eq!(stage.flag(&token, "u", "success").send().await.unwrap().status(), 401);
    assert_eq!(stage.flag(&token, "u", "success").send().await.unwrap().status(), 401);
    assert_eq!(stage.shown(HASH), ["u pending"]);
}
