use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use axum::{Json, Router};
use doorbell_adapters::aws::AwsClock;
use doorbell_engine::ports::Clock;
use doorbell_engine::{Liveness, LoopKind};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::bounded_listener::BoundedListener;
use crate::metrics::{MetricStore, prometheus_text};
use crate::settings::HealthArguments;

/// State behind `GET /healthz`.
#[derive(Debug, Clone)]
pub(crate) struct Health {
    pub(crate) liveness: Arc<Liveness>,
    pub(crate) clock: AwsClock,
    /// Maximum age of the last complete sweep.
    pub(crate) max_sweep_age: Duration,
}

/// Maximum age of a queue's last response; a long poll returns after 20 s at the latest.
const MAX_RECEIVE_AGE: Duration = Duration::from_secs(60);

/// The type of Prometheus's text format.
const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4";

impl Health {
    /// Whether a recent sweep covered all shards.
    pub(crate) fn is_sweeping(&self) -> bool {
        self.liveness.since_success(LoopKind::Sweep).is_some_and(|since| since <= self.max_sweep_age)
    }

    fn readiness(&self) -> Value {
        let is_recent = |part, max_age| self.liveness.since_success(part).is_some_and(|since| since <= max_age);
        json!({
            "clock": self.clock.now().is_some(),
            "triggers": is_recent(LoopKind::Triggers, MAX_RECEIVE_AGE),
            "events": is_recent(LoopKind::Events, MAX_RECEIVE_AGE),
            "sweep": self.is_sweeping(),
        })
    }
}

/// Serves the health endpoint until it is dropped.
///
/// `/healthz` is 200 while the process runs: an AWS outage must not make ECS kill every worker. `/healthz/ready` is 200
/// only while every part works. Connections are few and short: see [`BoundedListener`].
///
/// `scraped` are the metrics that Prometheus reads at `/metrics`, with their table; without them there is no such page.
pub(crate) async fn serve(
    listener: TcpListener,
    health: Health,
    scraped: Option<(MetricStore, String)>,
) -> std::io::Result<()> {
    let mut router = Router::new().route("/healthz", get(live)).route("/healthz/ready", get(ready)).with_state(health);
    if let Some((metrics, table)) = scraped {
        let page = move || async move { ([(CONTENT_TYPE, PROMETHEUS_TYPE)], prometheus_text(&metrics, &table)) };
        router = router.route("/metrics", get(page));
    }
    axum::serve(BoundedListener::new(listener), router).await
}

async fn live(State(health): State<Health>) -> Json<Value> {
    let (_, body) = health_report(&health);
    Json(body)
}

async fn ready(State(health): State<Health>) -> (StatusCode, Json<Value>) {
    let (is_ready, body) = health_report(&health);
    (if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(body))
}

fn health_report(health: &Health) -> (bool, Value) {
    let parts = health.readiness();
    let is_ready = parts.as_object().is_some_and(|parts| parts.values().all(|part| part == &Value::Bool(true)));
    (is_ready, json!({ "live": true, "ready": is_ready, "parts": parts }))
}

/// `worker health`: probes a worker on the same machine, for container health checks without curl.
pub async fn probe(arguments: &HealthArguments) -> ExitCode {
    let path = if arguments.ready { "/healthz/ready" } else { "/healthz" };
    match tokio::time::timeout(Duration::from_secs(5), http_get(arguments.health_addr, path)).await {
        Ok(Ok((true, body))) => {
            println!("{body}");
            ExitCode::SUCCESS
        }
        Ok(Ok((false, body))) => {
            eprintln!("unhealthy: {body}");
            ExitCode::FAILURE
        }
        Ok(Err(error)) => {
            eprintln!("health probe of {} failed: {error}", arguments.health_addr);
            ExitCode::FAILURE
        }
        Err(_) => {
            eprintln!("health probe of {} timed out after 5 s", arguments.health_addr);
            ExitCode::FAILURE
        }
    }
}

/// Sends one plain HTTP/1.0 request to our own server; an HTTP client would bring TLS roots and a pool.
async fn http_get(address: SocketAddr, path: &str) -> std::io::Result<(bool, String)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer.as_str(), ""));
    Ok((head.split(' ').nth(1) == Some("200"), body.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bounded_listener::{CONNECTION_TIMEOUT, MAX_CONNECTIONS};

    async fn is_closed(stream: &mut TcpStream) -> bool {
        let mut byte = [0];
        let read = tokio::time::timeout(Duration::from_millis(200), stream.read(&mut byte)).await;
        matches!(read, Ok(Ok(0) | Err(_)))
    }

    #[tokio::test]
    async fn half_open_health_connections_are_closed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let health =
            Health { liveness: Arc::default(), clock: AwsClock::default(), max_sweep_age: Duration::from_secs(60) };
        let server = tokio::spawn(serve(listener, health, None));
        let mut streams = Vec::new();
        for _ in 0..200 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: ").await.unwrap();
            streams.push(stream);
        }
        let answer = tokio::time::timeout(Duration::from_secs(1), http_get(address, "/healthz")).await;
        assert!(answer.unwrap().unwrap().0, "a probe beside them is answered");
        let (mut oldest, mut newest) = (streams, Vec::new());
        newest.extend(oldest.drain(oldest.len() - MAX_CONNECTIONS / 2..));
        oldest.truncate(200 - MAX_CONNECTIONS);
        for stream in &mut oldest {
            assert!(is_closed(stream).await, "too many connections close the oldest");
        }
        tokio::time::sleep(CONNECTION_TIMEOUT).await;
        for stream in &mut newest {
            assert!(is_closed(stream).await, "no connection outlives its deadline");
        }
        server.abort();
    }

    #[tokio::test]
    async fn metrics_page_exists_only_where_it_is_enabled() {
        let metrics = MetricStore::default();
        doorbell_engine::MetricsRecorder::increment(&metrics, "Sweeps");
        for (scraped, is_found) in [(None, false), (Some((metrics, "jobs".to_owned())), true)] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let health =
                Health { liveness: Arc::default(), clock: AwsClock::default(), max_sweep_age: Duration::from_secs(60) };
            let server = tokio::spawn(serve(listener, health, scraped));
            let (found, body) = http_get(address, "/metrics").await.unwrap();
            assert_eq!(found, is_found);
            assert_eq!(body.contains("doorbell_sweeps_total{table=\"jobs\"} 1"), is_found, "{body}");
            server.abort();
        }
    }
}
