//! The events that CodeBuild sends.
use super::*;

fn kind_and_status(entry: &Value) -> (EventKind, String) {
    let detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
    let body = json!({"source": entry["Source"], "detail-type": entry["DetailType"], "detail": detail});
    let event = BuildEvent::parse(&body.to_string()).unwrap();
    let of_state = detail["build-status"].as_str();
    let claim = of_state.unwrap_or_else(|| detail["completed-phase"].as_str().unwrap());
    (event.kind, claim.to_owned())
}

fn final_count(events: &[Value]) -> usize {
    events
        .iter()
        .filter(|entry| matches!(kind_and_status(entry), (EventKind::State, claim) if claim != "IN_PROGRESS"))
        .count()
}

#[tokio::test]
async fn state_and_phase_changes_emit_aws_shaped_events() {
    let fixture = CodeBuildFixture::new().await.with_commands(&["exit 4"]).await;
    let id = fixture.start(json!({"environmentVariablesOverride": [plaintext("A", "one")]})).await.unwrap();
    let events = fixture.wait_for_events(|events| final_count(events) > 0).await;
    let statuses: Vec<_> = events.iter().map(|entry| kind_and_status(entry).1).collect();
    assert_eq!(
        statuses,
        [
            "IN_PROGRESS",
            "SUBMITTED",
            "QUEUED",
            "PROVISIONING",
            "DOWNLOAD_SOURCE",
            "INSTALL",
            "PRE_BUILD",
            "BUILD",
            "POST_BUILD",
            "UPLOAD_ARTIFACTS",
            "FINALIZING",
            "FAILED",
        ]
    );
    let arn = format!("arn:aws:codebuild:eu-central-1:111122223333:build/{id}");
    let last = events.last().unwrap();
    assert_eq!(last["Resources"], json!([arn]));
    let detail: Value = serde_json::from_str(last["Detail"].as_str().unwrap()).unwrap();
    assert_eq!(detail["build-id"], arn);
    assert_eq!(detail["current-phase"], "COMPLETED");
    assert_eq!(detail["current-phase-context"], "[]");
    assert_eq!(detail["version"], "1");
    let more = &detail["additional-information"];
    assert_eq!(more["build-complete"], true);
    assert_eq!(more["initiator"], "root");
    assert_eq!(more["environment"]["environment-variables"], json!([plaintext("A", "one")]));
    let phases = more["phases"].as_array().unwrap();
    assert_eq!(phases.last().unwrap().as_object().unwrap().keys().collect::<Vec<_>>(), ["phase-type", "start-time"]);
    let message = "COMMAND_EXECUTION_ERROR: Error while executing command: exit 4. Reason: exit status 4";
    assert_eq!(phases[6]["phase-context"], json!([message]));
    assert_eq!(phases[0]["phase-context"], json!([]));
    let time = more["build-start-time"].as_str().unwrap();
    assert!(jiff::civil::DateTime::strptime("%b %d, %Y %I:%M:%S %p", time).is_ok(), "{time}");
    let phase: Value = serde_json::from_str(events[7]["Detail"].as_str().unwrap()).unwrap();
    assert_eq!(phase["completed-phase-context"], format!("[{message}]"));
    assert_eq!(phase["completed-phase-status"], "FAILED");
    assert!(phase.get("build-status").is_none());
}

#[tokio::test]
async fn event_mode_loses_repeats_and_reorders_events() {
    let fixture = CodeBuildFixture::new().await.with_commands(&["true"]).await;
    let controls = &fixture.codebuild.controls;
    controls.set_event_mode(EventMode { lose_percent: 100, ..EventMode::default() });
    let lost = fixture.start(json!({})).await.unwrap();
    fixture.wait_until_finished(&lost).await;
    assert!(fixture.account.events.lock().unwrap().is_empty());
    controls.set_event_mode(EventMode { copies: 3, reorder: true, ..EventMode::default() });
    let id = fixture.start(json!({})).await.unwrap();
    let events = fixture.wait_for_events(|events| final_count(events) == 3 && events.len() == 36).await;
    assert!(events.iter().all(|entry| entry["Resources"][0].as_str().unwrap().ends_with(&id)));
    let statuses: Vec<_> = events.iter().map(|entry| kind_and_status(entry).1).collect();
    let (submitted, queued) =
        (statuses.iter().position(|claim| claim == "SUBMITTED"), statuses.iter().position(|claim| claim == "QUEUED"));
    assert!(queued < submitted, "{statuses:?}");
}
