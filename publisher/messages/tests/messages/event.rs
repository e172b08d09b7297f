use doorbell_messages::{BuildEvent, EventKind};
use proptest::prelude::*;

use crate::fixtures::{Fixture, check_rejections, fixtures};
use crate::located;

fn parse(text: &str) -> Result<BuildEvent, String> {
    BuildEvent::parse(text).map_err(located)
}

fn read(fixture: &Fixture) -> BuildEvent {
    parse(fixture.text().unwrap()).unwrap_or_else(|error| panic!("{}: {error}", fixture.name))
}

#[test]
fn partial_event_still_identifies_its_build() {
    for fixture in fixtures("event", "valid") {
        let event = read(&fixture);
        assert_eq!(event.build.as_str(), "my-sample-project:8745a7a9-c340-456a-9166-edf953571bEX", "{}", fixture.name);
        let phase = fixture.json()["detail-type"] == "CodeBuild Build Phase Change";
        assert_eq!(event.kind, if phase { EventKind::Phase } else { EventKind::State }, "{}", fixture.name);
    }
}

#[test]
fn completed_event_claims_final_status() {
    let all = fixtures("event", "valid");
    let check = |name: &str, claims_final: bool| {
        let fixture = all.iter().find(|fixture| fixture.name == format!("valid/{name}.json"));
        let event = read(fixture.unwrap_or_else(|| panic!("no fixture {name}")));
        assert_eq!(event.claims_final, claims_final, "{name}");
    };
    check("state-succeeded", true);
    check("state-failed", true);
    check("state-stopped", true);
    check("state-timed-out", true);
    check("state-a-status-of-tomorrow", true);
    check("state-in-progress", false);
    check("state-only-the-build-id", false);
    check("without-detail-build-status", true);
    check("phase-build", false);
    check("phase-completed", true);
    check("smallest-phase", false);
    check("nulls", false);
}

#[test]
fn unrelated_event_is_rejected() {
    check_rejections("event", &["invalid"], parse);
}

#[test]
fn oversized_event_is_rejected_unparsed() {
    let error = parse(&" ".repeat(256 * 1024 + 1)).unwrap_err();
    assert_eq!(error, "$: the event has 262145 bytes: at most 262144 are read");
}

proptest! {
    #[test]
    fn any_text_parses_as_event_without_panic(text in any::<String>()) {
        let _ = BuildEvent::parse(&text);
    }

    #[test]
    fn any_build_arn_parses_without_panic(id in "\\PC{0,30}|arn:aws:codebuild:[a-z0-9:/]{0,40}") {
        let event = serde_json::json!({
            "source": "aws.codebuild", "detail-type": "CodeBuild Build State Change", "detail": { "build-id": id }
        });
        if let Ok(event) = BuildEvent::parse(&event.to_string()) {
            prop_assert!(id.ends_with(event.build.as_str()));
        }
    }
}
