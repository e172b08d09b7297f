//! The export of metrics by OTLP, as an OpenTelemetry collector sees it.
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use doorbell_sandbox::sandbox::Sandbox;
use doorbell_sandbox::server::{LoopbackServer, serve};
use serde_json::{Value, json};

use super::{JOB_TIMEOUT, PASSING_SCRIPT, register_demo, start_sandbox, trigger};

/// Fargate would wait 30 s; the worker promises 10, also if its collector hangs.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

const HEADERS: (&str, &str) = ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret-words");

type Requests = Arc<Mutex<Vec<(HeaderMap, String)>>>;

/// A collector that keeps what it gets.
struct Collector {
    server: LoopbackServer,
    requests: Requests,
}

impl Collector {
    /// It gives this answer, `delay` after the request.
    async fn start(sandbox: &Sandbox, status: StatusCode, delay: Duration) -> Self {
        let requests = Requests::default();
        let keep = move |State(kept): State<Requests>, headers, body| async move {
            kept.lock().unwrap().push((headers, body));
            tokio::time::sleep(delay).await;
            (status, "{}")
        };
        let router = Router::new().route("/v1/metrics", post(keep)).with_state(Arc::clone(&requests));
        Self { server: serve(router, sandbox.account.ca()).await.unwrap(), requests }
    }

    /// The metrics of each request, decoded by OpenTelemetry's own schema.
    fn decoded(&self) -> Vec<Value> {
        self.requests.lock().unwrap().iter().map(|(_, body)| decode(body).unwrap()).collect()
    }
}

/// What `worker/sandbox/opentelemetry/decode.py` reads from a body, or its error.
fn decode(body: &str) -> Result<Value, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut decoder = Command::new(root.join("../../.tools/opentelemetry/bin/python"))
        .arg(root.join("opentelemetry/decode.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("run `bin/lib/python.sh opentelemetry`");
    decoder.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
    let output = decoder.wait_with_output().unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The value of a sum or gauge in one export.
fn value<'a>(export: &'a Value, metric: &str) -> &'a Value {
    &export["metrics"][metric]["points"][0]["value"]
}

#[tokio::test]
async fn metrics_reach_a_collector_in_opentelemetrys_schema() {
    let sandbox = start_sandbox().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    let collector = Collector::start(&sandbox, StatusCode::OK, Duration::ZERO).await;
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.server.url.as_str());
    let interval = ("OTEL_METRIC_EXPORT_INTERVAL", "1000");
    let worker = sandbox.start_worker(&[endpoint, interval, HEADERS, ("OTEL_SERVICE_NAME", "bell")]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    while collector.requests.lock().unwrap().len() < 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let log = worker.log_path().to_owned();
    let (status, took) = worker.terminate(STOP_TIMEOUT).await.unwrap();
    assert!(status.code() == Some(0) && took < STOP_TIMEOUT);

    for (headers, _) in collector.requests.lock().unwrap().iter() {
        assert_eq!(headers["content-type"], "application/json");
        assert_eq!(headers["authorization"], "Bearer s3cret-words");
    }
    let exports = collector.decoded();
    let (first, last) = (&exports[0], &exports[exports.len() - 1]);
    assert_eq!(
        (&last["resource"]["service.name"], last["resource"]["service.instance.id"].is_string()),
        (&json!("bell"), true)
    );
    assert_eq!((value(last, "doorbell.jobs_received"), value(last, "doorbell.jobs_finished")), (&json!(1), &json!(1)));
    let sweeps = &last["metrics"]["doorbell.sweeps"];
    let shape = (&sweeps["kind"], &sweeps["monotonic"], &sweeps["temporality"]);
    assert_eq!(shape, (&json!("sum"), &json!(true), &json!("AGGREGATION_TEMPORALITY_CUMULATIVE")));
    let (point, earlier) = (&sweeps["points"][0], &first["metrics"]["doorbell.sweeps"]["points"][0]);
    assert_eq!((&point["attributes"], &point["start"]), (&json!({ "table": "doorbell-jobs" }), &earlier["start"]));
    assert!(point["start"].as_u64() < earlier["end"].as_u64() && earlier["end"].as_u64() < point["end"].as_u64());
    assert!(value(first, "doorbell.sweeps").as_u64() < value(last, "doorbell.sweeps").as_u64(), "{first} {last}");
    assert_eq!(last["metrics"]["doorbell.oldest_waiting_seconds"]["kind"], "gauge");
    let started = &last["metrics"]["doorbell.seconds_to_start"];
    let point = &started["points"][0];
    let (bounds, buckets) = (point["bounds"].as_array().unwrap(), point["buckets"].as_array().unwrap());
    assert_eq!(
        (&started["kind"], &started["unit"], buckets.len()),
        (&json!("histogram"), &json!("s"), bounds.len() + 1)
    );
    assert_eq!(buckets.iter().filter_map(Value::as_u64).sum::<u64>(), 1);
    assert_eq!(point["count"], 1);
    let log = std::fs::read_to_string(log).unwrap();
    assert!(!log.contains("s3cret") && !log.contains("metrics export"), "{log}");
}

#[tokio::test]
async fn last_interval_is_exported_at_shutdown() {
    let sandbox = start_sandbox().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    let collector = Collector::start(&sandbox, StatusCode::OK, Duration::ZERO).await;
    let worker = sandbox.start_worker(&[("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.server.url)]).await.unwrap();
    let key = trigger(&sandbox, &["demo", "main"]).await;
    sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap();
    assert_eq!(worker.terminate(STOP_TIMEOUT).await.unwrap().0.code(), Some(0));
    let exports = collector.decoded();
    assert!(!exports.is_empty());
    assert_eq!(value(&exports[exports.len() - 1], "doorbell.jobs_finished"), 1);
}

#[tokio::test]
async fn failing_collector_delays_no_job_and_is_logged_once() {
    let sandbox = start_sandbox().await;
    register_demo(&sandbox, PASSING_SCRIPT).await;
    for (delay, settings) in [
        (Duration::ZERO, ("OTEL_METRIC_EXPORT_TIMEOUT", "500")),
        // It takes each connection and answers none.
        (JOB_TIMEOUT * 10, ("OTEL_METRIC_EXPORT_TIMEOUT", "600000")),
    ] {
        let collector = Collector::start(&sandbox, StatusCode::SERVICE_UNAVAILABLE, delay).await;
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.server.url.as_str());
        let interval = ("OTEL_METRIC_EXPORT_INTERVAL", "1000");
        let worker = sandbox.start_worker(&[endpoint, interval, HEADERS, settings]).await.unwrap();
        while collector.requests.lock().unwrap().len() < if delay.is_zero() { 4 } else { 1 } {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let key = trigger(&sandbox, &["demo", "main", "--id", settings.1]).await;
        assert_eq!(sandbox.wait_until_settled(&key, JOB_TIMEOUT).await.unwrap().status(), "success");
        let log = worker.log_path().to_owned();
        let (status, took) = worker.terminate(STOP_TIMEOUT).await.unwrap();
        assert!(status.code() == Some(0) && took < STOP_TIMEOUT, "{status} after {took:?}");
        let log = std::fs::read_to_string(log).unwrap();
        assert_eq!(log.matches("metrics export failed").count(), 1, "{log}");
        assert!(!log.contains("s3cret"), "{log}");
        // The failure of the last export comes after the last metrics of the log.
        assert!(!delay.is_zero() || log.contains("\"MetricExportFailures\":"), "{log}");
    }
}

#[tokio::test]
async fn unsupported_protocol_stops_the_start_with_what_to_set() {
    let sandbox = start_sandbox().await;
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
    let error = sandbox.start_worker(&[endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]).await.unwrap_err();
    let error = format!("{error:#}");
    assert!(error.contains("exit status: 2") && error.contains("OTEL_EXPORTER_OTLP_PROTOCOL=http/json"), "{error}");
}

#[test]
fn decoder_rejects_what_the_schema_does_not_have() {
    let body =
        |metric: Value| json!({ "resourceMetrics": [{ "scopeMetrics": [{ "metrics": [metric] }] }] }).to_string();
    let sum = |point: Value, temporality: Value| {
        body(json!({ "name": "a", "sum": { "aggregationTemporality": temporality, "dataPoints": [point] } }))
    };
    assert!(decode(&sum(json!({ "asInt": "1" }), json!(2))).is_ok());
    for (wrong, reason) in [
        (sum(json!({ "asInt": "1", "value": 1 }), json!(2)), "no field named \"value\""),
        (sum(json!({ "asInt": "one" }), json!(2)), "Failed to parse asInt"),
        (sum(json!({ "asInt": 1 }), json!(2)), "must be a string"),
        (sum(json!({ "asInt": "1" }), json!("AGGREGATION_TEMPORALITY_CUMULATIVE")), "must be a number"),
        (body(json!({ "name": "a", "counter": {} })), "no field named \"counter\""),
    ] {
        let error = decode(&wrong).unwrap_err();
        assert!(error.contains(reason), "{wrong}: {error}");
    }
}
