use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::routing::post;

use super::*;
use crate::forge::private_forge;

type Requests = Arc<Mutex<Vec<(HeaderMap, String)>>>;
type Answer = (u16, &'static [(&'static str, &'static str)], &'static str);

/// A collector that gives these answers, the last one again and again.
async fn collector(answers: &[Answer]) -> (CollectorSettings, Requests) {
    let (answers, requests) = (answers.to_vec(), Requests::default());
    let answer = move |State(requests): State<Requests>, headers: HeaderMap, body: String| {
        let mut requests = requests.lock().unwrap();
        requests.push((headers, body));
        let (status, headers, body) = answers[(requests.len() - 1).min(answers.len() - 1)];
        let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
        for (name, value) in headers {
            response.headers_mut().insert(*name, HeaderValue::from_static(value));
        }
        std::future::ready(response)
    };
    let router = Router::new().route("/v1/metrics", post(answer)).with_state(Arc::clone(&requests));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = CollectorSettings {
        url: url.parse::<CollectorUrl>().unwrap().for_metrics(),
        headers: "authorization=Bearer%20s3cret-words".parse().unwrap(),
        certificates: CaCertificates::default(),
        call_timeout: Duration::from_secs(5),
    };
    (settings, requests)
}

async fn export(answers: &[Answer], limit: Duration) -> (Result<(), String>, usize) {
    let (settings, requests) = collector(answers).await;
    let outcome = CollectorClient::new(settings).unwrap().export("{}", limit).await;
    let count = requests.lock().unwrap().len();
    (outcome, count)
}

const LIMIT: Duration = Duration::from_millis(2500);

#[tokio::test]
async fn metrics_are_posted_as_json_with_the_headers() {
    let (settings, requests) = collector(&[(200, &[], "{}")]).await;
    let client = CollectorClient::new(settings.clone()).unwrap();
    assert_eq!(client.export("{\"resourceMetrics\":[]}", LIMIT).await, Ok(()));
    let (headers, body) = requests.lock().unwrap().remove(0);
    assert_eq!(
        (&headers["content-type"], &headers["authorization"]),
        (&"application/json".parse().unwrap(), &"Bearer s3cret-words".parse().unwrap())
    );
    assert_eq!(body, "{\"resourceMetrics\":[]}");
    let debug = format!("{settings:?} {client:?}");
    assert!(!debug.contains("s3cret"), "{debug}");
}

#[tokio::test]
async fn codes_of_the_protocol_are_retried_and_no_others() {
    for answers in [
        [(429, &[][..], ""), (200, &[], "")],
        [(502, &[], ""), (200, &[], "")],
        [(503, &[("retry-after", "1")], ""), (200, &[], "{}")],
        [(504, &[], "<html>"), (200, &[], "")],
        [(503, &[("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT")], ""), (200, &[], "")],
    ] {
        assert_eq!(export(&answers, LIMIT).await, (Ok(()), 2), "{answers:?}");
    }
    for status in [400, 401, 404, 413, 500, 501, 307] {
        let answers = [(status, &[("location", "/elsewhere")][..], "s3cret-words")];
        assert_eq!(export(&answers, LIMIT).await, (Err(format!("the collector answered {status}")), 1));
    }
    let answers: &[Answer] = &[(503, &[("retry-after", "Wed, 21 Oct 2099 07:28:00 GMT")], "")];
    assert_eq!(export(answers, LIMIT).await, (Err("the collector answered 503".to_owned()), 1), "later than the limit");
}

#[tokio::test]
async fn rejected_data_points_are_a_failure_without_retry() {
    for answer in [r#"{"partialSuccess":{"rejectedDataPoints":"3"}}"#, r#"{"partialSuccess":{"rejectedDataPoints":3}}"#]
    {
        let answers = [(200, &[][..], answer)];
        assert_eq!(export(&answers, LIMIT).await, (Err("the collector rejected 3 data points".to_owned()), 1));
    }
    let answers: &[Answer] = &[(200, &[], r#"{"partialSuccess":{"errorMessage":"a warning"}}"#)];
    assert_eq!(export(answers, LIMIT).await, (Ok(()), 1));
}

#[tokio::test]
async fn unreachable_collector_fails_without_its_url() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (settings, _) = collector(&[(200, &[], "")]).await;
    let client = CollectorClient::new(CollectorSettings { url: url.parse().unwrap(), ..settings }).unwrap();
    let reason = client.export("{}", Duration::from_millis(400)).await.unwrap_err();
    assert!(reason.starts_with("it can't be reached") && !reason.contains("http://"), "{reason}");
}

#[tokio::test]
async fn private_ca_of_a_collector_needs_its_certificate() {
    let (url, pem, _server) = private_forge().await;
    let (settings, _) = collector(&[(200, &[], "")]).await;
    // It answers to GET only, but that is an answer.
    for (certificates, expected) in [(pem.as_str(), "the collector answered 405"), ("", "it can't be reached")] {
        let certificates = certificates.parse().unwrap_or_default();
        let settings = CollectorSettings { url: url.parse().unwrap(), certificates, ..settings.clone() };
        let reason =
            CollectorClient::new(settings).unwrap().export("{}", Duration::from_millis(900)).await.unwrap_err();
        assert!(reason.starts_with(expected), "{reason}");
    }
}
