//! The adapters over the SDK as it is: what they send, and what they make of each answer.

mod canary;
mod codebuild;
mod connection;
mod done_topic;
mod hour;
mod ledger;
mod order;
mod others;
mod project_index;
mod slots;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{Region, SdkConfig};
use aws_sdk_dynamodb::config::Credentials;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Connection, HeartbeatWorker};

fn heartbeat_worker() -> HeartbeatWorker {
    HeartbeatWorker { instance: "a".to_owned(), principal: "arn:x".to_owned(), max_builds: Some(3) }
}

/// A server for all services: it gives the answers that it was given, one after the other.
#[derive(Debug, Clone)]
struct AwsStub {
    url: String,
    state: Arc<Mutex<AwsStubState>>,
}

#[derive(Debug, Default)]
struct AwsStubState {
    responses: VecDeque<(u16, Value)>,
    /// An operation that always gets this answer.
    failing: Option<(String, (u16, Value))>,
    /// Answers to requests whose body contains a text, each given once.
    matching: Vec<(String, Value)>,
    calls: Vec<AwsStubCall>,
}

/// What was asked.
#[derive(Debug, Clone)]
struct AwsStubCall {
    /// The operation's name.
    operation: String,
    body: Value,
    authorization: String,
}

impl AwsStub {
    async fn new(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let exchange = AwsStubState { responses: answers.into_iter().collect(), ..AwsStubState::default() };
        let state = Arc::new(Mutex::new(exchange));
        let router = Router::new().fallback(respond).with_state(Arc::clone(&state));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, state }
    }

    /// A connection to it, with a key that does not expire.
    async fn sdk(&self) -> SdkConfig {
        let key = Credentials::new("AKIDTEST", "secret", None, None, "tests");
        let url = self.url.clone();
        let connection = Connection::with_config(|loader| {
            loader.endpoint_url(url).region(Region::new("eu-west-1")).credentials_provider(key)
        });
        connection.await.sdk
    }

    fn fail_operation(&self, operation: &str, answer: (u16, Value)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.failing = Some((operation.to_owned(), answer));
    }

    /// Answers the next request whose body contains `text`. Of several such answers the first is given first.
    fn answer_matching(&self, text: &str, answer: Value) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.matching.push((text.to_owned(), answer));
    }

    fn calls(&self) -> Vec<AwsStubCall> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).calls.clone()
    }

    /// What was asked, where that was one call.
    fn call(&self) -> AwsStubCall {
        let mut calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:#?}");
        calls.remove(0)
    }
}

async fn respond(
    State(state): State<Arc<Mutex<AwsStubState>>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
    let mut exchange = state.lock().unwrap_or_else(PoisonError::into_inner);
    exchange.calls.push(AwsStubCall {
        operation: text("x-amz-target").rsplit('.').next().unwrap_or_default().to_owned(),
        body: serde_json::from_str(&body).unwrap_or_default(),
        authorization: text("authorization"),
    });
    let operation = exchange.calls.last().map(|call| call.operation.clone()).unwrap_or_default();
    let failing = exchange.failing.clone().filter(|(failing, _)| *failing == operation);
    if let Some(at) = exchange.matching.iter().position(|(text, _)| body.contains(text)) {
        return (StatusCode::OK, exchange.matching.remove(at).1.to_string());
    }
    // Where the SDK tries again, it meets the last answer again.
    let (code, answer) = match exchange.responses.len() {
        _ if failing.is_some() => failing.unwrap().1,
        0 => (500, Value::Null),
        1 => exchange.responses[0].clone(),
        _ => exchange.responses.pop_front().unwrap(),
    };
    (StatusCode::from_u16(code).unwrap(), answer.to_string())
}

/// A service's "no".
fn error_response(code: &str, message: &str) -> (u16, Value) {
    (400, json!({"__type": code, "message": message}))
}
