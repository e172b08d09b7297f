use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::any};

/// SNS (and STS, and a CI's token service), as far as a publisher sees it: gives the answers it was told to, and keeps what it was sent.
pub(crate) struct Stub {
    address: std::net::SocketAddr,
    script: Arc<Script>,
}

pub(crate) const MESSAGE_ID: &str = "567910cd-659e-55d4-8ccb-5aaf14679dc0";

#[derive(Clone)]
pub(crate) enum Answer {
    /// What was asked for is done.
    Done,
    Refused(u16, &'static str, &'static str),
    /// 200 and this text, as a CI's token service answers.
    Json(String),
    /// The message is taken, and the connection breaks in the middle of the answer.
    LostReply,
    /// The request is read and never answered.
    Silence,
}

/// One request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// Path and query.
    pub(crate) target: String,
    pub(crate) authorization: String,
    pub(crate) fields: BTreeMap<String, String>,
}

#[derive(Default)]
struct Script {
    /// The last answer is given again and again.
    answers: Mutex<VecDeque<Answer>>,
    calls: Mutex<Vec<Call>>,
    called: tokio::sync::Notify,
}

impl Stub {
    pub(crate) async fn answering(answers: &[Answer]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Script { answers: Mutex::new(answers.iter().cloned().collect()), ..Script::default() });
        let routes = Router::new().fallback(any(answer)).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { address, script }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.script.calls.lock().unwrap().clone()
    }

    /// The bodies that were published, one per attempt.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.calls().into_iter().map(|call| call.fields["Message"].clone()).collect()
    }

    pub(crate) async fn first_call(&self) {
        let called = self.script.called.notified();
        tokio::time::timeout(std::time::Duration::from_secs(30), called).await.expect("nothing was sent");
    }
}

async fn answer(
    State(script): State<Arc<Script>>,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Form<BTreeMap<String, String>>, FormRejection>,
) -> Response {
    let authorization =
        headers.get("authorization").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
    let fields = form.map(|Form(fields)| fields).unwrap_or_default();
    let action = fields.get("Action").cloned();
    script.calls.lock().unwrap().push(Call { target: uri.to_string(), authorization, fields });
    script.called.notify_one();
    let answer = {
        let mut answers = script.answers.lock().unwrap();
        if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() }
    };
    match answer.expect("no answer is left") {
        Answer::Done if action.as_deref() == Some("AssumeRoleWithWebIdentity") => xml(200, assumed_role()),
        Answer::Done => xml(200, published()),
        Answer::Refused(status, code, message) => xml(status, refused(code, message)),
        Answer::Json(text) => ([("content-type", "application/json")], text).into_response(),
        Answer::LostReply => {
            let broken = futures_util::stream::iter([Ok("<Publish"), Err(std::io::Error::other("cut off"))]);
            Body::from_stream(broken).into_response()
        }
        Answer::Silence => std::future::pending().await,
    }
}

fn xml(status: u16, body: String) -> Response {
    (StatusCode::from_u16(status).unwrap(), [("content-type", "text/xml")], body).into_response()
}

fn published() -> String {
    format!(
        r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>{MESSAGE_ID}</MessageId></PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></PublishResponse>"#
    )
}

fn refused(code: &str, message: &str) -> String {
    format!(
        r#"<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"#
    )
}

fn assumed_role() -> String {
    format!(
        r#"<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/publisher/ci</Arn><AssumedRoleId>AROA:ci</AssumedRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>{}</SecretAccessKey><SessionToken>{}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"#,
        crate::run::SECRET_KEY,
        crate::run::SESSION_TOKEN,
    )
}
