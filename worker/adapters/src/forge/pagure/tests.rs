mod canary;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::routing::any;
use doorbell_engine::domain::{ReportTarget, StatusReport};
use doorbell_messages::GitRef;
use doorbell_registry::ForgeKind;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::forge::client::client_builder;

const FLAG_ADDED: &str = r#"{"message":"Flag added","uid":"u","flag":{"user":{"default_email":"canary@example.org"}}}"#;

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

fn repository() -> ForgeRepository {
    ForgeRepository {
        kind: ForgeKind::Pagure,
        url: "https://forge.example".parse().unwrap(),
        repo: "demo".parse().unwrap(),
        token_secret: "doorbell/report/demo".parse().unwrap(),
        username: "Doorbell".to_owned(),
    }
}

/// A forge that does this to each connection.
async fn broken_server<F: Future<Output = ()> + Send + 'static>(handle_connection: fn(TcpStream) -> F) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(handle_connection(stream));
        }
    });
    url
}

fn client() -> Client {
    client_builder().build().unwrap()
}

const BOTH: [ForgeKind; 2] = [ForgeKind::Pagure, ForgeKind::PagureCi];

async fn deliver(forge: &Url) -> Result<DeliveryOutcome, Unauthorized> {
    deliver_as(ForgeKind::Pagure, forge).await
}

async fn deliver_as(kind: ForgeKind, forge: &Url) -> Result<DeliveryOutcome, Unauthorized> {
    deliver_with(&client(), kind, forge, &SecretString::from("canary-token".to_owned())).await
}

async fn deliver_with(
    client: &Client,
    kind: ForgeKind,
    forge: &Url,
    token: &SecretString,
) -> Result<DeliveryOutcome, Unauthorized> {
    let commit = "4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba".parse().unwrap();
    let target = ReportTarget { to: repository(), commit, external_id: "u".to_owned() };
    let report =
        StatusReport { status: Status::Success, comment: "passed".to_owned(), url: "https://log.example".to_owned() };
    match kind {
        ForgeKind::Pagure => post_flag(client, forge, &target, &report, token).await,
        ForgeKind::PagureCi => post_to_plugin(client, forge, &target, &report, token).await,
    }
}

async fn check(code: u16, body: &str, expected: &str) {
    let url = forge(code, &[("location", "http://127.0.0.1:1/elsewhere")], body.to_owned()).await;
    for kind in BOTH {
        let text = format!("{:?}", deliver_as(kind, &url).await);
        assert!(text.starts_with(expected), "{kind:?} {code} {body}: {text}");
        assert!(!text.contains("canary"), "{text}");
    }
}

/// The bodies are those of exchanges 02, 14, 22, 32, 41, 46, 47 and 54, and what a proxy or a stranger may answer.

#[tokio::test]
async fn pagure_response_maps_to_delivery_outcome() {
    check(200, FLAG_ADDED, "Ok(Delivered)").await;
    check(200, "<html>log in</html>", "Ok(Unknown(\"it answers 200, but not as Pagure").await;
    check(401, r#"{"error_code":"EINVALIDTOK","errors":"Missing ACLs: commit_flag"}"#, "Err(Unauthorized(").await;
    check(400, r#"{"error_code":"EDBERROR","error":"A database error"}"#, "Ok(Conflict(").await;
    check(400, r#"{"error_code":"EINVALIDREQ","errors":{"url":["Invalid input."]}}"#, "Ok(Undeliverable(").await;
    check(400, r#"{"error_code":"ENOCODE","error":"canary@example.org has no leave"}"#, "Ok(Undeliverable(").await;
    check(400, "<html>", "Ok(Undeliverable(").await;
    check(404, r#"{"error_code":"ENOPROJECT","error":"Project not found"}"#, "Ok(Undeliverable(").await;
    check(410, "", "Ok(Undeliverable(").await;
    check(405, "<html>", "Ok(Undeliverable(").await;
    check(413, "<html>", "Ok(Undeliverable(").await;
    check(403, "", "Ok(Failed {").await;
    check(429, "", "Ok(Failed {").await;
    check(503, "<html>", "Ok(Failed {").await;
    for code in [301, 302, 303, 307, 308] {
        let expected = format!("Ok(Failed {{ reason: \"it answers {code} (a redirect, which is not followed");
        check(code, "", &expected).await;
    }
    check(500, "<html>canary@example.org</html>", "Ok(Unknown(").await;
    check(502, "", "Ok(Unknown(").await;
    check(504, "", "Ok(Unknown(").await;
}

/// It would carry the token to wherever a forge, or who answers in its place, points at.
#[tokio::test]
async fn pagure_redirect_is_not_followed() {
    let elsewhere = forge(200, &[], FLAG_ADDED.to_owned()).await;
    let location = elsewhere.to_string();
    let router = axum::Router::new().fallback(any(move || async move {
        (StatusCode::TEMPORARY_REDIRECT, [(axum::http::header::LOCATION, location)])
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    for kind in BOTH {
        let answer = format!("{:?}", deliver_as(kind, &url).await);
        assert!(answer.contains("it answers 307 (a redirect, which is not followed"), "{answer}");
    }
}

#[tokio::test]
async fn retry_after_header_is_passed_on() {
    let url = forge(429, &[("retry-after", "17")], String::new()).await;
    let Ok(DeliveryOutcome::Failed { retry_after, .. }) = deliver(&url).await else { panic!("not refused") };
    assert_eq!(retry_after, Some(17));
}

#[tokio::test]
async fn oversized_response_is_read_up_to_the_limit() {
    let long = format!("{}{FLAG_ADDED}", " ".repeat(MAX_RESPONSE_BYTES));
    let answer = deliver(&forge(200, &[], long).await).await;
    assert_eq!(answer, Ok(DeliveryOutcome::Unknown("its answer is longer than 16384 bytes".to_owned())));
}

#[tokio::test]
async fn endless_response_body_is_abandoned() {
    async fn endless_body(mut stream: TcpStream) {
        let _ = stream.read(&mut [0; 4096]).await;
        let mut text = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_owned();
        while tokio::io::AsyncWriteExt::write_all(&mut stream, text.as_bytes()).await.is_ok() {
            text = " ".repeat(4096);
        }
    }
    for kind in BOTH {
        let answer = deliver_as(kind, &broken_server(endless_body).await).await;
        assert_eq!(answer, Ok(DeliveryOutcome::Unknown("its answer is longer than 16384 bytes".to_owned())));
    }
}

#[tokio::test]
async fn connection_reset_leaves_delivery_unknown() {
    async fn resetting_server(mut stream: TcpStream) {
        let _ = stream.read(&mut [0; 16]).await;
        // What is left unread makes the kernel answer with a reset.
    }
    for kind in BOTH {
        let text = format!("{:?}", deliver_as(kind, &broken_server(resetting_server).await).await);
        assert!(text.starts_with("Ok(Unknown(\"the connection broke"), "{text}");
    }
}

#[tokio::test]
async fn silent_forge_times_out_after_ten_seconds() {
    async fn hanging_server(stream: TcpStream) {
        std::future::pending::<()>().await;
        drop(stream);
    }
    let url = broken_server(hanging_server).await;
    // Connected before time is made to jump.
    let report_task = tokio::spawn(async move { deliver(&url).await });
    for _ in 0..100 {
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    tokio::time::pause();
    let started_at = tokio::time::Instant::now();
    let answer = report_task.await.unwrap();
    assert!((5..=10).contains(&started_at.elapsed().as_secs()), "{:?}", started_at.elapsed());
    assert_eq!(format!("{answer:?}").split(':').next(), Some("Ok(Unknown(\"it did not answer in time"));
}

#[tokio::test]
async fn hook_token_is_sent_in_the_body_only() {
    use std::sync::{Arc, Mutex};
    let requests: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let recorded_requests = Arc::clone(&requests);
    let router = axum::Router::new().fallback(any(move |request: axum::extract::Request| async move {
        let head = format!("{} {:?}", request.uri(), request.headers());
        let body = axum::body::to_bytes(request.into_body(), 4096).await.unwrap();
        recorded_requests.lock().unwrap().push((head, String::from_utf8_lossy(&body).into_owned()));
        FLAG_ADDED
    }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/prefix/", listener.local_addr().unwrap())).unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    assert_eq!(deliver_as(ForgeKind::PagureCi, &url).await, Ok(DeliveryOutcome::Delivered));
    let (head, body) = requests.lock().unwrap().remove(0);
    assert!(head.starts_with("/prefix/api/0/ci/doorbell/demo "), "{head}");
    assert!(!head.contains("canary") && body.contains("canary-token"), "{head} {body}");
}

#[tokio::test]
async fn unreachable_forge_is_a_refused_delivery() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    assert!(matches!(deliver(&url).await, Ok(DeliveryOutcome::Failed { .. })));
}

/// What Pagure 5.14.1 answered.
fn recorded(exchange: &str) -> String {
    let exchange: serde_json::Value = serde_json::from_str(exchange).unwrap();
    let body = &exchange["response"]["body"];
    body.as_str().map_or_else(|| body.to_string(), str::to_owned)
}

async fn check_ref(full: &str, code: u16, body: &str, expected: &str) {
    let url = forge(code, &[], body.to_owned()).await;
    let answer =
        format!("{:?}", resolve_ref(&client(), &url, &repository(), &GitRef::parse_full(full).unwrap(), None).await);
    assert!(answer.starts_with(expected), "{full} {code} {body}: {answer}");
}

#[tokio::test]
async fn ref_is_resolved_from_recorded_pagure_responses() {
    let branches = recorded(include_str!("../../../../sandbox/tests/pagure/exchanges/68-tags_branches.json"));
    let pull_request = recorded(include_str!("../../../../sandbox/tests/pagure/exchanges/66-pr_get.json"));
    let (main, feature) = ("4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba", "83e5e471eddde2f19bd4d53b93a8614b388c3e00");
    let resolved = |commit: &str| format!("Ok(Commit(CommitId(\"{commit}\")))");
    check_ref("refs/heads/main", 200, &branches, &resolved(main)).await;
    check_ref("refs/heads/feature", 200, &branches, &resolved(feature)).await;
    check_ref("refs/pull/1/head", 200, &pull_request, &resolved(feature)).await;
    let tags = format!(r#"{{"tags":{{"v1":"{main}"}},"total_tags":1}}"#);
    check_ref("refs/tags/v1", 200, &tags, &resolved(main)).await;
    check_ref("refs/heads/other", 200, &branches, "Ok(Missing(").await;
    check_ref("refs/tags/other", 200, &tags, "Ok(Missing(").await;
    check_ref("refs/pull/1/head", 200, r#"{"commit_stop":null}"#, "Ok(Unclear(").await;
    check_ref("refs/pull/1/head", 200, r#"{"commit_stop":"main"}"#, "Ok(Unclear(").await;
    check_ref("refs/heads/main", 404, r#"{"error_code":"ENOPROJECT"}"#, "Ok(Missing(").await;
    check_ref("refs/heads/main", 200, "<html>", "Ok(Unclear(").await;
    check_ref("refs/heads/main", 200, "{}", "Ok(Unclear(").await;
    check_ref("refs/heads/main", 403, "<html>", "Ok(Unclear(").await;
    check_ref("refs/heads/main", 429, "<html>", "Ok(Unavailable(").await;
    check_ref("refs/heads/main", 500, "<html>", "Ok(Unavailable(").await;
    check_ref("refs/heads/main", 401, "{}", "Err(Unauthorized(").await;
}

#[test]
fn flag_uid_is_the_external_id_cut_to_32_characters() {
    let target = |external_id: &str| ReportTarget {
        to: repository(),
        commit: "4c08f9e22fc639152ba6345e3ad0c1ef217ae7ba".parse().unwrap(),
        external_id: external_id.to_owned(),
    };
    assert_eq!(uid(&target(&format!("{}{}", "a".repeat(32), "b".repeat(32)))), "a".repeat(32));
    assert_eq!(uid(&target("u")), "u");
}
