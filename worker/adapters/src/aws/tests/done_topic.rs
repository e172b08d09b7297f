use std::sync::{Arc, Mutex};

use aws_config::Region;
use aws_credential_types::Credentials;
use axum::Router;
use axum::http::StatusCode;
use doorbell_engine::domain::PublishOutcome;
use doorbell_engine::ports::DoneEventPublisher;
use doorbell_messages::{DoneEvent, DoneTimes, JobKey, Request, Status};
use tokio::net::TcpListener;

use crate::aws::{AwsClock, Connection, DoneTopic};

const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:doorbell-done";

pub(super) fn event() -> DoneEvent {
    let request = Request::parse(r#"{"project": "demo", "branch": "main", "id": "1"}"#).unwrap();
    DoneEvent {
        id: "0".repeat(64),
        installation: "0f8a3b2c1d4e".to_owned(),
        key: JobKey::for_request(&request, "").unwrap(),
        project: request.project,
        git_ref: request.git_ref,
        commit: None,
        status: Status::Success,
        message: String::new(),
        run: None,
        times: DoneTimes {
            queued_at: "2026-11-27T15:04:05.000Z".to_owned(),
            started_at: None,
            ended_at: "2026-11-27T15:05:00.125Z".to_owned(),
        },
    }
}

/// Publishes to an SNS that gives this answer. Returns the outcome, and the fields of each call.
async fn publish(code: u16, answer: &str) -> (PublishOutcome, Vec<Vec<(String, String)>>) {
    let (calls, answer) = (Arc::new(Mutex::new(Vec::new())), answer.to_owned());
    let seen = Arc::clone(&calls);
    let respond = move |body: String| {
        let fields = body.split('&').filter_map(|field| field.split_once('='));
        let fields = fields.map(|(name, value)| (decoded(name), decoded(value))).collect::<Vec<_>>();
        seen.lock().unwrap().push(fields);
        std::future::ready((StatusCode::from_u16(code).unwrap(), answer.clone()))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(respond)).await });
    let connection = Connection::with_config(|loader| {
        let key = Credentials::new("AKIDTEST", "secret", None, None, "tests");
        loader.endpoint_url(url).region(Region::new("eu-west-1")).credentials_provider(key)
    });
    let topic = DoneTopic::new(&connection.await.sdk, &AwsClock::default(), Some(TOPIC.to_owned()));
    let outcome = topic.publish(&event()).await;
    let calls = calls.lock().unwrap().clone();
    (outcome, calls)
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

const PUBLISHED: &str = r#"<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>
    <MessageId>5c7e0d6f-0000-4000-8000-000000000000</MessageId></PublishResult></PublishResponse>"#;

fn error(code: &str) -> String {
    format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>no</Message></Error></ErrorResponse>")
}

#[tokio::test]
async fn done_event_is_published_with_its_attributes_in_one_call() {
    let (outcome, calls) = publish(200, PUBLISHED).await;
    assert_eq!(outcome, PublishOutcome::Published);
    let [call] = &calls[..] else { panic!("one call: {calls:#?}") };
    let field = |name: &str| call.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    assert_eq!((field("Action"), field("TopicArn")), (Some("Publish".to_owned()), Some(TOPIC.to_owned())));
    assert_eq!((field("Message"), field("MessageGroupId")), (Some(event().to_json()), Some("demo".to_owned())));
    let values = call.iter().filter(|(name, _)| name.ends_with(".Value.StringValue")).map(|(_, value)| value.as_str());
    let mut values: Vec<&str> = values.collect();
    values.sort_unstable();
    assert_eq!(values, ["demo", "dev.cdevents.pipelinerun.finished.0.3.0", "heads/main", "success"]);
}

#[tokio::test]
async fn answers_of_the_topic_are_told_apart() {
    for code in ["AuthorizationError", "NotFound", "InvalidParameter", "KMSAccessDenied", "KMSDisabled"] {
        let (outcome, calls) = publish(403, &error(code)).await;
        assert!(matches!(&outcome, PublishOutcome::Refused(reason) if reason.contains(code)), "{outcome:?}");
        assert_eq!(calls.len(), 1, "the row repeats it");
    }
    for (status, code) in
        [(400, "Throttled"), (500, "InternalError"), (503, "ServiceUnavailable"), (400, "KMSThrottling")]
    {
        let (outcome, calls) = publish(status, &error(code)).await;
        assert!(matches!(&outcome, PublishOutcome::Failed(reason) if reason.contains(code)), "{outcome:?}");
        assert_eq!(calls.len(), 1, "the row repeats it");
    }
    assert!(matches!(publish(200, "<html>").await.0, PublishOutcome::Failed(_)), "no answer of SNS");
}
