//! Which way messages take.
use doorbell_messages::Envelope;
use doorbell_sandbox::world::account::{DEAD_LETTERS, EVENTS, EVENTS_DEAD_LETTERS, TRIGGERS};
use serde_json::{Value, json};

use super::call::{check_allowed, publish};
use super::{ARRIVAL, PROJECT, codebuild_event, other_topic, world};

#[tokio::test]
async fn a_published_request_arrives_in_its_envelope_and_no_other_topics_does() {
    let world = world().await;
    let other = other_topic(&world).await;
    let foreign = [
        ("TopicArn", other.as_str()),
        ("Protocol", "sqs"),
        ("Endpoint", "arn:aws:sqs:eu-central-1:111122223333:doorbell-triggers"),
    ];
    world.root().query("sns", "2010-03-31", "Subscribe", &foreign).await.unwrap();
    check_allowed(world.root(), &[publish(&other)]).await;
    let request = r#"{"project": "demo", "branch": "master"}"#;
    let id = world.publish(request).await.unwrap();
    let url = world.trigger_queue_url();
    let messages = world.receive(&url, ARRIVAL).await.unwrap();
    assert_eq!(messages.len(), 1, "{messages:?}");
    let envelope = Envelope::parse(&messages[0].body).unwrap();
    assert_eq!((envelope.message_id, envelope.topic_arn), (id, world.topic_arn()));
    assert_eq!(envelope.message, request);
    world.delete(&url, &messages[0]).await.unwrap();
    assert_eq!(world.receive(&url, 0).await.unwrap().len(), 0);
}

#[tokio::test]
async fn events_of_our_build_projects_reach_the_queue_and_others_do_not() {
    let world = world().await;
    let phase = |name: &str| {
        let mut event = codebuild_event(PROJECT);
        event["DetailType"] = "CodeBuild Build Phase Change".into();
        event["Detail"] = json!({ "completed-phase": name, "project-name": PROJECT }).to_string().into();
        event
    };
    let mut other_source = codebuild_event(PROJECT);
    other_source["Source"] = "somebody.else".into();
    let mut other_kind = codebuild_event(PROJECT);
    other_kind["DetailType"] = "CodeBuild Fleet State Change".into();
    let entries = [
        codebuild_event("somebody-elses"),
        other_source,
        other_kind,
        phase("PRE_BUILD"),
        codebuild_event(PROJECT),
        phase("PROVISIONING"),
    ];
    let answer = world.root().json("events", "AWSEvents.PutEvents", json!({ "Entries": entries })).await.unwrap();
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let messages = world.receive(&world.event_queue_url(), ARRIVAL).await.unwrap();
        assert!(!messages.is_empty(), "only these arrived: {seen:?}");
        seen.extend(messages.iter().map(|message| {
            let event: Value = serde_json::from_str(&message.body).unwrap();
            (event["detail-type"].clone(), event["source"].clone(), event["detail"]["project-name"].clone())
        }));
    }
    let kinds: Vec<_> = seen.iter().map(|(kind, ..)| kind.as_str().unwrap()).collect();
    assert_eq!(kinds, ["CodeBuild Build State Change", "CodeBuild Build Phase Change"]);
    assert!(seen.iter().all(|(_, source, project)| source == "aws.codebuild" && project == PROJECT), "{seen:?}");
    assert!(world.receive(&world.event_queue_url(), 0).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_message_received_too_often_becomes_a_dead_letter() {
    for (queue, dead_letters) in [(TRIGGERS, DEAD_LETTERS), (EVENTS, EVENTS_DEAD_LETTERS)] {
        let world = world().await;
        let (url, dead_letters) = (world.queue_url(queue), world.queue_url(dead_letters));
        world.send_to_queue(&url, "poison").await.unwrap();
        // Thirty receives are allowed; peek makes the message visible again after each.
        for attempt in 1..=30 {
            assert_eq!(world.peek(&url).await.unwrap(), ["poison"], "attempt {attempt} at {queue}");
            assert!(world.peek(&dead_letters).await.unwrap().is_empty(), "attempt {attempt} at {queue}");
        }
        assert!(world.peek(&url).await.unwrap().is_empty());
        assert_eq!(world.peek(&dead_letters).await.unwrap(), ["poison"]);
    }
}
