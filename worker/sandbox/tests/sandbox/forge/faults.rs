use std::time::Duration;

use doorbell_sandbox::forge::{FaultScope, FlagStatus, ForgeFailure, ForgeFault, ForgeResponse, ReleaseTrigger};
use reqwest::StatusCode;
use tokio_util::sync::CancellationToken;

use super::{ForgeFixture, HASH, STEP_TIMEOUT};

#[tokio::test]
async fn fault_before_stores_nothing_and_fault_after_stores_flag() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    fixture.forge.fail_next(1, FaultScope::FlagPosts, ForgeFault::Before(ForgeFailure::html(StatusCode::BAD_GATEWAY)));
    fixture.forge.fail_next(
        1,
        FaultScope::FlagPosts,
        ForgeFault::After(ForgeFailure::html(StatusCode::INTERNAL_SERVER_ERROR)),
    );
    let check = async |status: u16, shown: &[&str]| {
        let response = fixture.flag_request(&token, "u", "success").send().await.unwrap();
        let is_page = response.headers()["content-type"] == "text/html; charset=utf-8";
        assert_eq!((response.status().as_u16(), is_page), (status, status != 200));
        assert_eq!(fixture.flags_on(HASH), shown);
    };
    check(502, &[]).await;
    check(500, &["u success"]).await;
    assert_eq!(fixture.forge.remaining_faults(), 0);
    check(200, &["u success"]).await;
    assert_eq!(fixture.forge.flag_history(HASH, "u"), [FlagStatus::Success; 2]);
}

#[tokio::test]
async fn forge_fault_applies_only_to_matching_calls() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    fixture.forge.fail_next(1, FaultScope::Git, ForgeFault::Before(ForgeFailure::html(StatusCode::BAD_GATEWAY)));
    fixture.forge.fail_next(2, FaultScope::FlagPosts, ForgeFault::Before(ForgeFailure::database_error()));
    assert_eq!(fixture.get("/api/0/version").await.status(), 200);
    for _ in 0..2 {
        let response = fixture.flag_request(&token, "u", "success").send().await.unwrap();
        assert_eq!(response.status(), 400);
        assert!(response.text().await.unwrap().contains("EDBERROR"));
    }
    assert_eq!(fixture.flag_request(&token, "u", "success").send().await.unwrap().status(), 200);
    assert_eq!(fixture.get("/demo.git/info/refs?service=git-upload-pack").await.status(), 502);
    assert_eq!(fixture.get("/demo.git/info/refs?service=git-upload-pack").await.status(), 200);
}

#[tokio::test]
async fn skipped_call_passes_and_next_call_fails() {
    let fixture = ForgeFixture::new().await;
    fixture.forge.fail_next(1, FaultScope::Api, ForgeFault::Skip);
    fixture.forge.fail_next(1, FaultScope::Api, ForgeFault::Before(ForgeFailure::html(StatusCode::BAD_GATEWAY)));
    assert_eq!(fixture.get("/api/0/demo").await.status(), 200);
    assert_eq!(fixture.get("/api/0/demo").await.status(), 502);
}

#[tokio::test]
async fn disconnect_fault_returns_no_response() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    fixture.forge.fail_next(1, FaultScope::Api, ForgeFault::Before(ForgeFailure::Disconnect));
    fixture.forge.fail_next(1, FaultScope::Api, ForgeFault::After(ForgeFailure::Disconnect));
    for shown in [&[][..], &["u success"]] {
        let error = fixture.flag_request(&token, "u", "success").send().await.unwrap_err();
        assert!(error.is_request() && !error.is_timeout(), "{error:?}");
        assert_eq!(fixture.flags_on(HASH), shown);
    }
    assert_eq!(fixture.forge.calls().iter().map(|call| call.status).collect::<Vec<_>>(), [None, None]);
}

#[tokio::test]
async fn held_request_runs_after_caller_disconnects() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    let released = CancellationToken::new();
    fixture.forge.fail_next(
        1,
        FaultScope::FlagPosts,
        ForgeFault::HoldRequest(ReleaseTrigger::Signal(released.clone())),
    );
    let late = fixture.flag_request(&token, "u", "pending").timeout(Duration::from_millis(300)).send().await;
    assert!(late.unwrap_err().is_timeout());
    assert_eq!(fixture.flag_request(&token, "u", "success").send().await.unwrap().status(), 200);
    assert_eq!(fixture.flags_on(HASH), ["u success"]);
    released.cancel();
    fixture.forge.wait_until(STEP_TIMEOUT, "the late flag", |forge| forge.flag_posts().len() == 2).await.unwrap();
    assert_eq!(fixture.flags_on(HASH), ["u pending"]);
    assert_eq!(fixture.forge.calls()[0].status, None);
}

#[tokio::test]
async fn held_reply_is_late_but_work_is_done_at_once() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    let released = CancellationToken::new();
    fixture.forge.fail_next(1, FaultScope::FlagPosts, ForgeFault::HoldReply(ReleaseTrigger::Signal(released.clone())));
    let release_when_stored = async {
        fixture.forge.wait_until(STEP_TIMEOUT, "the flag", |forge| !forge.flags(HASH).is_empty()).await.unwrap();
        assert_eq!(fixture.forge.calls()[0].status, None);
        released.cancel();
    };
    let (response, ()) = tokio::join!(fixture.flag_request(&token, "u", "success").send(), release_when_stored);
    assert_eq!(response.unwrap().status(), 200);
    fixture.forge.fail_next(1, FaultScope::FlagPosts, ForgeFault::HoldReply(ReleaseTrigger::After(STEP_TIMEOUT)));
    let slow = fixture.flag_request(&token, "u", "error").timeout(Duration::from_millis(300)).send().await;
    assert!(slow.unwrap_err().is_timeout());
}

#[tokio::test]
async fn forge_fault_returns_given_redirect_and_retry_after() {
    let fixture = ForgeFixture::new().await;
    let to = "https://127.0.0.1:9/elsewhere";
    let redirect = ForgeResponse::redirect(StatusCode::FOUND, to.parse().unwrap());
    fixture.forge.fail_next(1, FaultScope::Api, ForgeFault::Before(ForgeFailure::Response(redirect)));
    let busy =
        ForgeResponse::html(StatusCode::SERVICE_UNAVAILABLE).with("retry-after".parse().unwrap(), "7".parse().unwrap());
    fixture.forge.fail_next(1, FaultScope::Api, ForgeFault::Before(ForgeFailure::Response(busy)));
    let response = fixture.get("/api/0/demo").await;
    assert_eq!((response.status().as_u16(), response.headers()["location"].to_str().unwrap()), (302, to));
    let response = fixture.get("/api/0/demo").await;
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().unwrap()), (503, "7"));
}

#[tokio::test]
async fn endless_body_streams_while_it_is_read() {
    let fixture = ForgeFixture::new().await;
    fixture.forge.fail_next(1, FaultScope::Api, ForgeFault::Before(ForgeFailure::EndlessBody));
    let mut response = fixture.get("/api/0/demo").await;
    assert_eq!(response.status(), 200);
    let mut read = 0;
    while read < 1_000_000 {
        read += response.chunk().await.unwrap().expect("the body ended").len();
    }
}

#[tokio::test]
async fn token_revoked_during_a_call_is_rejected() {
    let fixture = ForgeFixture::new().await;
    let token = fixture.flag_token();
    fixture.forge.fail_next(1, FaultScope::FlagPosts, ForgeFault::Skip);
    fixture.forge.fail_next(1, FaultScope::FlagPosts, ForgeFault::RevokeToken);
    assert_eq!(fixture.flag_request(&token, "u", "pending").send().await.unwrap().status(), 200);
    assert_eq!(fixture.flag_request(&token, "u", "success").send().await.unwrap().status(), 401);
    assert_eq!(fixture.flag_request(&token, "u", "success").send().await.unwrap().status(), 401);
    assert_eq!(fixture.flags_on(HASH), ["u pending"]);
}
