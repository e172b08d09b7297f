use doorbell_messages::Status;
use serde_json::json;

use super::{failed, reported_status};
use crate::domain::tests::{COMMIT, JobHarness, START, SUCCESS, build_described, mins, policy, policy_found, secs};
use crate::domain::{DeliveryOutcome, Observation};

fn conflict() -> DeliveryOutcome {
    DeliveryOutcome::Conflict("EDBERROR".to_owned())
}

#[test]
fn unreachable_forge_is_retried_with_backoff_for_a_week() {
    let mut refused_job = JobHarness::received(json!({"commit": COMMIT}));
    let rejection = refused_job.observe(policy_found(&policy(json!({"refs": ["v1"]}))));
    for (mut job, mut effects) in [JobHarness::finished(), (refused_job, rejection)] {
        let mut tries = 0;
        while job.row.settled_at.is_none() {
            if reported_status(&effects).is_some() {
                tries += 1;
                job.deliver(&effects, failed(None));
            }
            if job.row.settled_at.is_none() {
                effects = job.fire_when_due();
            }
        }
        let days = job.now.duration_since(START).as_secs() / 86_400;
        assert_eq!(days, 7);
        assert!((1000..1400).contains(&tries), "about every ten minutes, not {tries} times a week");
        let why = job.row.reports[0].notification.undeliverable.clone();
        assert_eq!(why.as_deref(), Some("not in 7 days: it answers 503"));
        let tried = job
            .row
            .trail
            .iter()
            .filter(|note| {
                note.message.starts_with("status report success failed")
                    || note.message.starts_with("status report rejected failed")
            })
            .count();
        assert_eq!(tried, 1, "{:?}", job.row.trail);
    }
}

#[test]
fn recovered_forge_gets_only_the_final_status() {
    let mut job = JobHarness::starting(json!({}));
    let mut effects = job.observe_started(1);
    for _ in 0..20 {
        job.deliver(&effects, failed(None));
        loop {
            effects = job.fire_when_due();
            match reported_status(&effects) {
                Some(status) => break assert_eq!(status, Status::Running),
                None => job.observe(Observation::QueryFailed("down".to_owned())),
            };
        }
    }
    job.deliver(&effects, failed(None));
    let build = job.build(1, SUCCESS);
    let effects = job.observe(build_described(build));
    assert_eq!(job.deliver_all(effects), [Status::Success]);
    assert!(job.row.settled_at.is_some());
}

#[test]
fn retry_after_of_the_forge_is_bounded() {
    let check = |retry_after, least, most| {
        let (mut job, effects) = JobHarness::finished();
        job.deliver(&effects, failed(retry_after));
        let wait = job.row.due_at().unwrap().duration_since(job.now);
        assert!((least..=most).contains(&wait), "{retry_after:?} made {wait:?}");
    };
    check(None, secs(3), secs(5));
    check(Some(0), secs(3), secs(5));
    check(Some(90), secs(90), secs(90));
    check(Some(u32::MAX), mins(60), mins(60));
}

#[test]
fn conflicting_report_is_tried_six_times() {
    let (mut job, mut effects) = JobHarness::finished();
    for _ in 0..5 {
        assert_eq!(reported_status(&job.deliver(&effects, conflict())), None, "not at once");
        assert_eq!(job.row.settled_at, None);
        effects = job.fire_when_due();
    }
    job.deliver(&effects, conflict());
    assert_eq!(job.row.reports[0].notification.undeliverable.as_deref(), Some("EDBERROR"));
    assert!(job.row.settled_at.is_some());
}

#[test]
fn failed_reports_do_not_count_as_conflicts() {
    let (mut job, mut effects) = JobHarness::finished();
    for _ in 0..20 {
        job.deliver(&effects, failed(None));
        effects = job.fire_when_due();
    }
    job.deliver(&effects, conflict());
    assert_eq!(job.row.reports[0].notification.undeliverable, None);
}
