use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::any};

/// A stub of SNS, STS and a CI's token service: returns the given responses, and keeps the requests.
pub(crate) struct Stub {
    address: std::net::SocketAddr,
    state: Arc<StubState>,
}

pub(crate) const MESSAGE_ID: &str = "567910cd-659e-55d4-8ccb-5aaf14679dc0";

#[derive(Clone)]
pub(crate) enum StubResponse {
    /// The request succeeds.
    Success,
    /// The request was published with this message id.
    Published(String),
    Error(u16, &'static str, &'static str),
    /// 200 and this text, as a CI's token service answers.
    Json(String),
    /// The message is taken, and the connection breaks in the middle of the answer.
    TruncatedBody,
    /// The request is read and never answered.
    NoResponse,
}

/// One request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct StubRequest {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) authorization: String,
    pub(crate) fields: BTreeMap<String, String>,
}

#[derive(Default)]
struct StubState {
    /// The last answer is given again and again.
    responses: Mutex<VecDeque<StubResponse>>,
    requests: Mutex<Vec<StubRequest>>,
    request_received: tokio::sync::Notify,
}

impl Stub {
    pub(crate) async fn start(answers: &[StubResponse]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script =
            Arc::new(StubState { responses: Mutex::new(answers.iter().cloned().collect()), ..StubState::default() });
        let routes = Router::new().fallback(any(respond)).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, state: script }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<StubRequest> {
        self.state.requests.lock().unwrap().clone()
    }

    /// The bodies that were published, one per attempt.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.requests().into_iter().map(|call| call.fields["Message"].clone()).collect()
    }

    pub(crate) async fn first_request(&self) {
        let received = self.state.request_received.notified();
        tokio::time::timeout(std::time::Duration::from_secs(30), received).await.expect("nothing was sent");
    }
}

async fn respond(
    State(script): State<Arc<StubState>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<BTreeMap<String, String>>, FormRejection>,
) -> Response {
    let authorization =
        headers.get("authorization").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let fields = form.map(|Form(fields)| fields).unwrap_or_default();
    let action = fields.get("Action").cloned();
    script.requests.lock().unwrap().push(StubRequest { target: uri.to_string(), authorization, fields });
    script.request_received.notify_one();
    let answer = {
        let mut answers = script.responses.lock().unwrap();
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
    };
    match answer.expect("no answer is left") {
        StubResponse::Success if action.as_deref() == Some("AssumeRoleWithWebIdentity") => xml(200, assume_role_body()),
        StubResponse::Success => xml(200, publish_body(MESSAGE_ID)),
        StubResponse::Published(id) => xml(200, publish_body(&id)),
        StubResponse::Error(status, code, message) => xml(status, error_body(code, message)),
        StubResponse::Json(text) => ([("content-type", "application/json")], text).into_response(),
        StubResponse::TruncatedBody => {
            let broken = futures_util::stream::iter([Ok("<Publish"), Err(std::io::Error::other("cut off"))]);
            Body::from_stream(broken).into_response()
        }
        StubResponse::NoResponse => std::future::pending().await,
    }
}

fn xml(status: u16, body: String) -> Response {
    (StatusCode::from_u16(status).unwrap(), [("content-type", "text/xml")], body).into_response()
}

fn publish_body(message_id: &str) -> String {
    format!(
        r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>{message_id}</MessageId></PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>"#
    )
}

fn error_body(code: &str, message: &str) -> String {
    format!(
        r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"#
    )
}

fn assume_role_body() -> String {
    format!(
        r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/publisher/ci</Arn><AssumedRoleId>AROA:ci</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#,
        crate::invocation::SECRET_KEY,
        crate::invocation::SESSION_TOKEN,
    )
}
