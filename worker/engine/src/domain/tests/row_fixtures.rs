//! Row schemas 1 to 3 as files. They are written once and never regenerated: a test that fails here shows a change of the
//! schema.

use std::collections::BTreeMap;
use std::path::Path;

use doorbell_messages::Status;
use doorbell_registry::OrderRule;
use serde_json::Value;

use super::{COMMIT, HEAD, START, secs};
use crate::domain::{
    BuildVariableKind, CommandRan, DesiredState, LogLocation, Phase, RejectionKind, Row, StatusAt, Timestamp,
    TrailKind, TurnWait,
};

/// The fixtures by name.
fn fixtures() -> BTreeMap<String, Value> {
    let directory = |schema| Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/row").join(schema);
    let files = ["v1", "v2", "v3"].into_iter().flat_map(|schema| std::fs::read_dir(directory(schema)).unwrap());
    let files = files.map(|entry| entry.unwrap().path());
    let parsed = files.map(|path| {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    });
    parsed.collect()
}

fn row(name: &str) -> Row {
    serde_json::from_value(fixtures().remove(name).unwrap()).unwrap()
}

fn at(milliseconds: u64) -> Timestamp {
    START + std::time::Duration::from_millis(milliseconds)
}

#[test]
fn every_row_fixture_is_written_back_unchanged() {
    let fixtures = fixtures();
    assert_eq!(fixtures.len(), 21);
    for (name, fixture) in fixtures {
        let row: Row = serde_json::from_value(fixture.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let written = serde_json::to_value(&row).unwrap();
        let (written, fixture) = (written.as_object().unwrap(), fixture.as_object().unwrap().clone());
        for (field, value) in &fixture {
            assert_eq!(written.get(field), Some(value), "{name}: {field}");
        }
        assert_eq!(written.len(), fixture.len(), "{name}: {written:#?}");
    }
}

#[test]
fn every_phase_has_a_row_fixture() {
    let mut phases: Vec<String> =
        fixtures().values().map(|row| row["phase"]["name"].as_str().unwrap().to_owned()).collect();
    phases.sort();
    phases.dedup();
    assert_eq!(phases, ["accepted", "finished", "received", "rejected", "running", "starting"]);
}

#[test]
fn received_row_fixture_is_read_field_by_field() {
    let row = row("received-every-field");
    assert_eq!(row.key.as_str(), "demo#build-7#0123456789abcdef01234567");
    assert_eq!((row.rev, row.writer.as_str(), row.tries), (3, "worker-a-17", 3));
    assert_eq!((row.message.sent_at, row.received_at), (START, START + secs(1)));
    assert!(row.request.once && row.request.allow_older);
    assert!(row.request.watch.is_some() && row.request.commit_rule.is_some());
    assert_eq!((row.series.len(), row.series[1].sent_at), (2, at(9_000_000)));
    let repeat = row.repeat.unwrap();
    assert_eq!((repeat.sent_at, repeat.cause.unwrap().to_string()), (at(2000), "again".to_owned()));
    assert_eq!(repeat.origin.unwrap().vendor.unwrap().to_string(), "gitlab");
    assert_eq!((row.desired, row.canceled_at), (DesiredState::Cancel, Some(at(2500))));
    assert_eq!((row.series_canceled_at, row.followed_by), (Some(at(2500)), None));
    assert_eq!((row.phase, row.phase_due_at, row.settled_at), (Phase::Received, None, None));
    assert_eq!((row.crash_score, row.quarantined.is_some()), (12, true));
    assert_eq!(row.trail[1].kind, TrailKind::CancelRequested);
}

#[test]
fn running_row_fixture_is_read_field_by_field() {
    let row = row("running-every-field");
    let launch = row.launch().unwrap();
    assert_eq!((launch.provider.as_str(), launch.target.as_str()), ("codebuild", "doorbell-build"));
    assert_eq!((launch.spec.target.as_str(), launch.spec.timeout_minutes), ("doorbell-build", 60));
    let kinds: Vec<_> = launch.spec.environment.iter().map(|variable| variable.kind).collect();
    let [plaintext, document, secret] =
        [BuildVariableKind::Plaintext, BuildVariableKind::Document, BuildVariableKind::Secret];
    assert_eq!(kinds, [plaintext, plaintext, document, secret]);
    assert_eq!((launch.not_older_than[0].as_str(), launch.pinned), (HEAD, true));
    let build = row.build().unwrap();
    assert_eq!(build.provider, "codebuild");
    let log = LogLocation { group: "/aws/codebuild/doorbell-build".to_owned(), stream: "5f2c0f0e".to_owned() };
    assert_eq!(build.log, Some(log));
    let Phase::Running { running_since, missing_since, .. } = &row.phase else { panic!("{:?}", row.phase) };
    assert_eq!((*running_since, *missing_since), (at(3000), Some(at(33_000))));
    let statuses: Vec<Status> = row.stages.iter().map(|stage| stage.status).collect();
    assert_eq!(statuses, [Status::Success, Status::Running, Status::Queued]);
    assert_eq!(row.stages[0].ended_at, Some(at(4000)));
    let [entry] = row.reports.as_slice() else { panic!("{:?}", row.reports) };
    assert_eq!((entry.target.commit.as_str(), entry.target.to.repo.as_str()), (COMMIT, "demo"));
    assert_eq!(entry.target.external_id.len(), 64);
    let notification = &entry.notification;
    assert_eq!(notification.in_flight, Some(StatusAt { status: Status::Running, at: at(90_000) }));
    assert_eq!(notification.delivered, Some(StatusAt { status: Status::Queued, at: at(11_000) }));
    assert_eq!((notification.stale_possible, notification.stale_since), (true, Some(at(20_000))));
    assert_eq!((notification.tries, notification.conflicts, notification.final_resent), (2, 1, false));
    assert_eq!((notification.not_before, notification.due_at), (Some(at(89_000)), Some(at(150_000))));
}

#[test]
fn finished_row_fixtures_are_read_field_by_field() {
    let first = row("finished-every-field");
    assert_eq!(first.followed_by.as_ref().unwrap().generation(), Some("fedcba9876543210"));
    let Phase::Finished { result, .. } = &first.phase else { panic!("{:?}", first.phase) };
    assert_eq!((result.status, result.at, result.command_ran), (Status::Error, at(45_000), Some(CommandRan::No)));
    assert_eq!(first.trail[3].kind, TrailKind::Other("a_kind_of_a_later_version".to_owned()));
    let second = row("finished-two-reports");
    let undeliverable: Vec<_> = second.reports.iter().map(|entry| &entry.notification.undeliverable).collect();
    assert_eq!(undeliverable, [&None, &Some("it answers 404".to_owned())]);
}

#[test]
fn rejected_row_fixtures_hold_their_kind_if_any() {
    let kind = |name| match row(name).phase {
        Phase::Rejected { kind, .. } => kind,
        phase => panic!("{phase:?}"),
    };
    assert_eq!(kind("rejected"), None);
    assert_eq!(kind("rejected-of-a-kind"), Some(RejectionKind::PullRequestNotAllowed));
    assert_eq!(kind("rejected-of-a-later-kind"), Some(RejectionKind::Other("a_kind_of_a_later_version".to_owned())));
}

/// A worker of schema 1 would start a job of an order without a turn.
#[test]
fn only_a_row_that_needs_a_turn_has_schema_2() {
    let in_order = row("accepted-in-order");
    assert_eq!(in_order.launch().unwrap().order, OrderRule::Newest);
    let Phase::Accepted { turn, .. } = &in_order.phase else { panic!("{:?}", in_order.phase) };
    let behind = "demo#build-6#0123456789abcdef01234567".parse().unwrap();
    assert_eq!((turn, in_order.schema()), (&Some(TurnWait::Behind(behind)), 2));
    let finished = row("finished-in-order");
    let Phase::Finished { not_older_than, .. } = &finished.phase else { panic!("{:?}", finished.phase) };
    assert_eq!((not_older_than[0].as_str(), finished.schema()), (HEAD, 1));
    assert_eq!(row("accepted-every-field").schema(), 1);
}

#[test]
fn row_of_a_later_generation_is_read_with_its_series() {
    let row = row("later-generation");
    assert_eq!(row.key.series().as_str(), "demo#build-7#0123456789abcdef01234567");
    assert_eq!(row.key.generation(), Some("0123456789abcdef"));
}

#[test]
fn announcing_row_fixtures_are_read_field_by_field() {
    let (running, finished) = (row("running-announcing"), row("finished-announcing"));
    assert!(running.launch().unwrap().announces);
    assert_eq!((running.schema(), finished.schema()), (3, 3), "an older worker would forget the done event");
    let state = finished.done_event.clone().unwrap();
    assert_eq!((state.commit.unwrap().as_str(), state.started_at, state.tries), (COMMIT, Some(at(3000)), 2));
    assert_eq!((state.in_flight, state.not_before), (Some(at(45_000)), Some(at(44_000))));
    assert_eq!((state.due_at, finished.due_at()), (Some(at(105_000)), Some(at(105_000))));
    assert!(state.published_at.is_none() && state.given_up.is_none());
}
