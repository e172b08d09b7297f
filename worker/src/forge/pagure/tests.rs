use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::routing::any;
use doorbell_engine::domain::{Report, Target};
use doorbell_messages::{GitRef, ReportKind};
use tokio::net::TcpListener;

use super::*;

const TAKEN: &str = r#"{"message":"Flag added","uid":"u","flag":{"user":{"default_email":"canary@example.org"}}}"#;

/// A forge that gives every call the same answer.
async fn forge(code: u16, headers: &'static [(&'static str, &'static str)], body: String) -> Url {
    let headers: HeaderMap =
        headers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect();
    let answer = (StatusCode::from_u16(code).unwrap(), headers, body);
    let router = axum::Router::new().fallback(any(|| async move { answer }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn side() -> ForgeSide {
    ForgeSide {
        kind: ReportKind::Pagure,
        url: "https://forge.example".parse().unwrap(),
        repo: "demo".parse().unwrap(),
        token_secret: "doorbell/report/demo".parse().unwrap(),
        username: "Doorbell".to_owned(),
    }
}

fn client() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

async fn told(forge: &Url) -> Answer<TellSeen> {
    let commit = "4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba".parse().unwrap();
    let target = Target { forge: side(), commit, uid: "u".to_owned() };
    let report =
        Report { status: Status::Success, comment: "passed".to_owned(), url: "https://log.example".to_owned() };
    tell(&client(), forge, &target, &report, &SecretString::from("canary-token".to_owned())).await
}

async fn check(code: u16, body: &str, expected: &str) {
    let answer = told(&forge(code, &[], body.to_owned()).await).await;
    let text = format!("{answer:?}");
    assert!(text.starts_with(expected), "{code} {body}: {text}");
    assert!(!text.contains("canary"), "{text}");
}

#[tokio::test]
async fn each_answer_to_a_flag_says_what_happens_next() {
    check(200, TAKEN, "Seen(Delivered)").await;
    check(200, "<html>log in</html>", "Seen(Unknown(\"it answers 200, but not as Pagure").await;
    check(401, r#"{"error_code":"EINVALIDTOK","errors":"Missing ACLs: commit_flag"}"#, "Unauthorized(").await;
    check(400, r#"{"error_code":"EDBERROR","error":"A database error"}"#, "Seen(Contended(").await;
    check(400, r#"{"error_code":"EINVALIDREQ","errors":{"url":["Invalid input."]}}"#, "Seen(Undeliverable(").await;
    check(404, r#"{"error_code":"ENOPROJECT","error":"Project not found"}"#, "Seen(Undeliverable(").await;
    check(410, "", "Seen(Undeliverable(").await;
    check(405, "<html>", "Seen(Undeliverable(").await;
    check(413, "<html>", "Seen(Undeliverable(").await;
    check(403, "", "Seen(Refused {").await;
    check(429, "", "Seen(Refused {").await;
    check(503, "<html>", "Seen(Refused {").await;
    check(301, "", "Seen(Refused { reason: \"it answers 301 (a redirect, which is not followed").await;
    check(500, "<html>canary@example.org</html>", "Seen(Unknown(").await;
    check(502, "", "Seen(Unknown(").await;
    check(504, "", "Seen(Unknown(").await;
}

#[tokio::test]
async fn the_wait_that_a_forge_asks_for_is_passed_on() {
    let url = forge(429, &[("retry-after", "17")], String::new()).await;
    let Answer::Seen(TellSeen::Refused { retry_after, .. }) = told(&url).await else { panic!("not refused") };
    assert_eq!(retry_after, Some(17));
}

#[tokio::test]
async fn an_answer_without_an_end_is_read_no_further_than_it_may_be_long() {
    let long = format!("{}{TAKEN}", " ".repeat(MOST_OF_AN_ANSWER));
    let answer = told(&forge(200, &[], long).await).await;
    assert_eq!(answer, Answer::Seen(TellSeen::Unknown("its answer is longer than 16384 bytes".to_owned())));
}

#[tokio::test]
async fn a_forge_that_is_not_there_has_taken_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    assert!(matches!(told(&url).await, Answer::Seen(TellSeen::Refused { .. })));
}

#[tokio::test]
async fn the_head_of_a_ref_is_found_in_what_pagure_lists() {
    let commit = "4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba";
    let lists = format!(r#"{{"branches":{{"main":"{commit}"}},"tags":{{"v1":"{commit}"}},"commit_stop":"{commit}"}}"#);
    let refs = ["refs/heads/main", "refs/tags/v1", "refs/pull/7/head"];
    for full in refs {
        let url = forge(200, &[], lists.clone()).await;
        let answer = head(&client(), &url, &side(), &GitRef::parse_full(full).unwrap(), None).await;
        assert_eq!(answer, Answer::Seen(HeadSeen::Commit(commit.parse().unwrap())), "{full}");
    }
    let missing = GitRef::parse_full("refs/heads/other").unwrap();
    for (code, body, expected) in [
        (200, lists.as_str(), "Seen(Missing("),
        (404, r#"{"error_code":"ENOPROJECT"}"#, "Seen(Missing("),
        (200, "<html>", "Seen(Unavailable("),
        (500, "<html>", "Seen(Unavailable("),
        (401, "{}", "Unauthorized("),
    ] {
        let url = forge(code, &[], body.to_owned()).await;
        let answer = format!("{:?}", head(&client(), &url, &side(), &missing, None).await);
        assert!(answer.starts_with(expected), "{code} {body}: {answer}");
    }
}
