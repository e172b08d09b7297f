//! CodeBuild's two kinds of event, with the peculiarities of AWS's events.
//!
//! A build's id is an ARN, times have no zone, contexts are a string at the top and an array within `phases`.
use jiff::Timestamp;
use serde_json::{Value, json};

use super::build::{AwsLocation, SimulatedBuild};
use super::phase::{BuildPhase, PhaseContext};

/// "CodeBuild Build State Change", as an entry of PutEvents.
pub(super) fn state_change(build: &SimulatedBuild, location: &AwsLocation, now: Timestamp) -> Value {
    let detail = json!({
        "build-status": build.status(),
        "project-name": build.project,
        "build-id": build.arn,
        "additional-information": additional_information(build, location),
        "current-phase": build.current_phase(),
        "current-phase-context": "[]",
        "version": "1",
    });
    entry("CodeBuild Build State Change", build, &detail, now)
}

/// "CodeBuild Build Phase Change", if the build's newest phase has ended. It has no `build-status`.
pub(super) fn phase_change(build: &SimulatedBuild, location: &AwsLocation) -> Option<Value> {
    let phase = build.phases.last()?;
    let ended = phase.ended.as_ref()?;
    let detail = json!({
        "completed-phase": phase.kind,
        "project-name": build.project,
        "build-id": build.arn,
        "completed-phase-context": format!("[{}]", context(ended.context.as_ref()).join(", ")),
        "additional-information": additional_information(build, location),
        "completed-phase-status": ended.status,
        "completed-phase-duration-seconds": ended.seconds_since(phase.started),
        "version": "1",
        "completed-phase-start": time(phase.started),
        "completed-phase-end": time(ended.at),
    });
    Some(entry("CodeBuild Build Phase Change", build, &detail, ended.at))
}

fn entry(kind: &str, build: &SimulatedBuild, detail: &Value, at: Timestamp) -> Value {
    json!({
        "Source": "aws.codebuild",
        "DetailType": kind,
        "Resources": [build.arn],
        "Time": super::build::epoch_seconds(at),
        "Detail": detail.to_string(),
    })
}

fn additional_information(build: &SimulatedBuild, location: &AwsLocation) -> Value {
    let environment = &build.environment;
    let logs = build.logs(location);
    json!({
        "artifact": {"location": ""},
        "environment": {
            "image": environment.image,
            "privileged-mode": environment.privileged_mode,
            "compute-type": environment.compute_type,
            "type": environment.kind,
            "environment-variables": environment.environment_variables,
        },
        "timeout-in-minutes": build.timeout_minutes,
        "queued-timeout-in-minutes": build.queued_minutes,
        "build-complete": build.ended.is_some(),
        "build-number": build.number,
        "initiator": build.initiator,
        "build-start-time": time(build.started),
        "source": {"type": "NO_SOURCE"},
        "logs": {
            "group-name": logs["groupName"],
            "stream-name": logs["streamName"],
            "deep-link": logs["deepLink"],
        },
        "phases": build.phases.iter().map(phase_summary).collect::<Vec<_>>(),
    })
}

fn phase_summary(phase: &BuildPhase) -> Value {
    let mut summary = json!({"phase-type": phase.kind, "start-time": time(phase.started)});
    if let Some(ended) = &phase.ended {
        summary["phase-context"] = json!(context(ended.context.as_ref()));
        summary["end-time"] = json!(time(ended.at));
        summary["duration-in-seconds"] = json!(ended.seconds_since(phase.started));
        summary["phase-status"] = json!(ended.status);
    }
    summary
}

fn context(context: Option<&PhaseContext>) -> Vec<String> {
    context.iter().map(|context| format!("{}: {}", context.status_code, context.message)).collect()
}

/// `Sep 1, 2017 4:12:29 PM`: UTC, though the string has no zone.
fn time(at: Timestamp) -> String {
    at.strftime("%b %-d, %Y %-I:%M:%S %p").to_string()
}
