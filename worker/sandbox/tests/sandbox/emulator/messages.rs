//! Delivery of messages: topic, rules, queues, dead-letter queues.
use doorbell_messages::Envelope;
use doorbell_sandbox::account::definition::{
    DEAD_LETTER_QUEUE, EVENT_DEAD_LETTER_QUEUE, EVENT_QUEUE, SUBSCRIPTION_DEAD_LETTER_QUEUE, TRIGGER_QUEUE,
};
use serde_json::{Value, json};

use super::call::{check_allowed, publish};
use super::{ARRIVAL_TIMEOUT_SECONDS, PROJECT, account, codebuild_event, other_topic};

#[tokio::test]
async fn request_of_own_topic_arrives_and_other_topic_is_refused() {
    let account = account().await;
    let other = other_topic(&account).await;
    let foreign = [
        ("TopicArn", other.as_str()),
        ("Protocol", "sqs"),
        ("Endpoint", "arn:aws:sqs:eu-central-1:111122223333:doorbell-triggers"),
    ];
    account.root().query("sns", "2010-03-31", "Subscribe", &foreign).await.unwrap();
    check_allowed(account.root(), &[publish(&other)]).await;
    let request = r#"{"project": "demo", "branch": "master"}"#;
    let id = account.publish(request).await.unwrap();
    let url = account.trigger_queue_url();
    let messages = account.receive(&url, ARRIVAL_TIMEOUT_SECONDS).await.unwrap();
    assert_eq!(messages.len(), 1, "{messages:?}");
    let envelope = Envelope::parse(&messages[0].body).unwrap();
    assert_eq!((envelope.message_id, envelope.topic_arn), (id, account.topic_arn()));
    assert_eq!(envelope.message, request);
    account.delete(&url, &messages[0]).await.unwrap();
    assert_eq!(account.receive(&url, 0).await.unwrap().len(), 0);
}

#[tokio::test]
async fn only_events_of_own_build_projects_reach_the_queue() {
    let account = account().await;
    let phase = |name: &str| {
        let mut event = codebuild_event(PROJECT);
        event["DetailType"] = "CodeBuild Build Phase Change".into();
        event["Detail"] = json!({ "completed-phase": name, "project-name": PROJECT }).to_string().into();
        event
    };
    let mut other_source = codebuild_event(PROJECT);
    other_source["Source"] = "other.source".into();
    let mut other_kind = codebuild_event(PROJECT);
    other_kind["DetailType"] = "CodeBuild Fleet State Change".into();
    let entries = [
        codebuild_event("other-project"),
        other_source,
        other_kind,
        phase("PRE_BUILD"),
        codebuild_event(PROJECT),
        phase("PROVISIONING"),
    ];
    let response = account.root().json("events", "AWSEvents.PutEvents", json!({ "Entries": entries })).await.unwrap();
    assert_eq!(response["FailedEntryCount"], 0, "{response}");
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let messages = account.receive(&account.event_queue_url(), ARRIVAL_TIMEOUT_SECONDS).await.unwrap();
        assert!(!messages.is_empty(), "only these arrived: {seen:?}");
        seen.extend(messages.iter().map(|message| {
            let event: Value = serde_json::from_str(&message.body).unwrap();
            (event["detail-type"].clone(), event["source"].clone(), event["detail"]["project-name"].clone())
        }));
    }
    let kinds: Vec<_> = seen.iter().map(|(kind, ..)| kind.as_str().unwrap()).collect();
    assert_eq!(kinds, ["CodeBuild Build State Change", "CodeBuild Build Phase Change"]);
    assert!(seen.iter().all(|(_, source, project)| source == "aws.codebuild" && project == PROJECT), "{seen:?}");
    assert!(account.receive(&account.event_queue_url(), 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn message_over_max_receive_count_is_dead_lettered() {
    for (queue, dead_letters) in [(TRIGGER_QUEUE, DEAD_LETTER_QUEUE), (EVENT_QUEUE, EVENT_DEAD_LETTER_QUEUE)] {
        let account = account().await;
        let (url, dead_letters) = (account.queue_url(queue), account.queue_url(dead_letters));
        account.send_to_queue(&url, "poison").await.unwrap();
        // Thirty receives are allowed; peek makes the message visible again after each.
        for attempt in 1..=30 {
            assert_eq!(account.peek(&url).await.unwrap(), ["poison"], "attempt {attempt} at {queue}");
            assert!(account.peek(&dead_letters).await.unwrap().is_empty(), "attempt {attempt} at {queue}");
        }
        assert!(account.peek(&url).await.unwrap().is_empty());
        assert_eq!(account.peek(&dead_letters).await.unwrap(), ["poison"]);
    }
}

#[tokio::test]
async fn undeliverable_message_reaches_its_dead_letter_queue() {
    let account = account().await;
    for queue in [TRIGGER_QUEUE, EVENT_QUEUE] {
        let body = json!({ "QueueUrl": account.queue_url(queue), "Attributes": { "Policy": "" } });
        account.root().json("sqs", "AmazonSQS.SetQueueAttributes", body).await.unwrap();
    }
    account.publish(r#"{"project": "demo", "branch": "master"}"#).await.unwrap();
    let entries = json!({ "Entries": [codebuild_event(PROJECT)] });
    account.root().json("events", "AWSEvents.PutEvents", entries).await.unwrap();
    for (queue, text) in [(SUBSCRIPTION_DEAD_LETTER_QUEUE, "master"), (EVENT_DEAD_LETTER_QUEUE, "SUCCEEDED")] {
        let messages = account.receive(&account.queue_url(queue), ARRIVAL_TIMEOUT_SECONDS).await.unwrap();
        assert_eq!(messages.len(), 1, "{queue}");
        assert!(messages[0].body.contains(text), "{}", messages[0].body);
    }
    for queue in [TRIGGER_QUEUE, EVENT_QUEUE, DEAD_LETTER_QUEUE] {
        assert!(account.peek(&account.queue_url(queue)).await.unwrap().is_empty(), "{queue}");
    }
}
