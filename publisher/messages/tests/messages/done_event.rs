//! A done event's bytes, its schema, and what the CDEvents project's own client makes of it.

use doorbell_messages::{DoneEvent, DoneTimes, GitRef, JobKey, ProviderRun, Request, Status, done_event_schema};
use serde_json::Value;

use crate::schema_checks::check_file;

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

fn event(status: Status, message: &str) -> DoneEvent {
    let request = Request::parse(&format!(
        r#"{{"project": "demo", "branch": "main", "id": "github-4711", "commit": "{COMMIT}"}}"#
    ))
    .unwrap();
    DoneEvent {
        id: "5d1c".repeat(16),
        installation: "0f8a3b2c1d4e".to_owned(),
        key: JobKey::for_request(&request, "").unwrap(),
        project: request.project,
        git_ref: request.git_ref,
        commit: request.commit,
        status,
        message: message.to_owned(),
        run: Some(ProviderRun { provider: "codebuild".to_owned(), id: "demo:1f6c".to_owned() }),
        times: DoneTimes {
            queued_at: "2026-11-27T15:04:05.000Z".to_owned(),
            started_at: Some("2026-11-27T15:04:06.250Z".to_owned()),
            ended_at: "2026-11-27T15:05:00.125Z".to_owned(),
        },
    }
}

const FINAL: [(Status, &str); 5] = [
    (Status::Success, "success"),
    (Status::Failure, "failure"),
    (Status::Error, "error"),
    (Status::Canceled, "cancel"),
    (Status::Rejected, "error"),
];

#[test]
fn done_event_schema_matches_committed_file() {
    check_file("done-event.v1.json", &done_event_schema());
}

#[test]
fn done_event_has_the_same_bytes_in_each_version() {
    let failure = event(Status::Failure, "the command exited with 3 after 12.0 s");
    assert_eq!(failure.to_json(), include_str!("../../fixtures/done/failure.json").trim_end());
    let attributes: Vec<String> = failure.attributes().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let expected = [
        "type=dev.cdevents.pipelinerun.finished.0.3.0",
        "project=demo",
        "ref=heads/main",
        "status=failure",
        "provider=codebuild",
    ];
    assert_eq!(attributes, expected);
}

#[test]
fn each_final_status_is_a_valid_event() {
    let schema = jsonschema::validator_for(&done_event_schema()).unwrap();
    for (status, outcome) in FINAL {
        let json: Value = serde_json::from_str(&event(status, "the reason").to_json()).unwrap();
        schema.validate(&json).unwrap();
        let content = &json["subject"]["content"];
        assert_eq!(
            (content["outcome"].as_str(), json["customData"]["status"].as_str()),
            (Some(outcome), Some(status.as_str()))
        );
        assert_eq!(content.get("errors").is_some(), status != Status::Success, "{status}");
    }
}

#[test]
fn job_without_a_run_has_an_event() {
    let rejected = DoneEvent { run: None, commit: None, ..event(Status::Rejected, "refused: the ref is not allowed") };
    let json: Value = serde_json::from_str(&rejected.to_json()).unwrap();
    jsonschema::validator_for(&done_event_schema()).unwrap().validate(&json).unwrap();
    assert!(json["customData"].get("run").is_none() && rejected.attributes().len() == 4);
}

#[test]
fn largest_event_stays_below_its_limit() {
    let mut largest = event(Status::Error, &"\u{10ffff}".repeat(5000));
    largest.git_ref = GitRef::parse_full(&format!("refs/heads/{}", "r".repeat(180))).unwrap();
    largest.run =
        Some(ProviderRun { provider: "codebuild".to_owned(), id: format!("{}:{}", "b".repeat(150), "1".repeat(36)) });
    let json = largest.to_json();
    assert!(json.len() < DoneEvent::MAX_BYTES, "{} bytes", json.len());
}

#[test]
fn foreign_words_cannot_leave_their_line() {
    let json: Value = serde_json::from_str(&event(Status::Error, "one\ntwo\u{1b}[31m\u{202e}").to_json()).unwrap();
    let errors = json["subject"]["content"]["errors"].as_str().unwrap();
    assert!(errors.chars().all(|c| !doorbell_messages::text::is_unsafe_in_line(c)), "{errors:?}");
}

#[test]
fn client_of_cdevents_reads_each_event() {
    for (status, _) in FINAL {
        let ours: Value = serde_json::from_str(&event(status, "the reason").to_json()).unwrap();
        let theirs: cdevents_sdk::CDEvent = serde_json::from_value(ours.clone()).unwrap();
        assert_eq!((theirs.version(), theirs.ty()), ("0.5.1", "dev.cdevents.pipelinerun.finished.0.3.0"));
        assert_eq!(serde_json::to_value(&theirs).unwrap(), ours, "it writes what it has read");
    }
}
