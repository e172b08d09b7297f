use doorbell_messages::Status;
use serde_json::json;

use super::{COMMIT, Life, START, described, known, mins, policy, secs, told};
use crate::domain::{Act, Passage, Seen, SendSeen, TellSeen};

fn refused(retry_after: Option<u32>) -> TellSeen {
    TellSeen::Refused { reason: "it answers 503".to_owned(), retry_after }
}

fn unknown() -> TellSeen {
    TellSeen::Unknown("no answer".to_owned())
}

fn contended() -> TellSeen {
    TellSeen::Contended("EDBERROR".to_owned())
}

fn status(acts: &[Act]) -> Option<Status> {
    told(acts).map(|(status, _)| status)
}

#[test]
fn queued_is_told_only_after_ten_seconds_without_a_build() {
    let mut life = Life::of(json!({"commit": COMMIT}));
    life.pool_open = false;
    assert_eq!(status(&life.see(known(&policy(json!({}))))), None);
    assert_eq!(status(&life.wait(secs(9)).wake()), None);
    assert_eq!(status(&life.wait(secs(1)).wake()), Some(Status::Queued));
}

#[test]
fn a_job_whose_build_comes_soon_is_told_as_running_once_and_at_its_end_once() {
    let mut life = Life::starting(json!({}));
    let acts = life.started(1);
    assert_eq!(life.tell_all(acts), [Status::Running]);
    let build = life.build(1, "IN_PROGRESS");
    assert_eq!(status(&life.wait(secs(30)).see(described(build))), None, "once");
    let build = life.build(1, "SUCCEEDED");
    let acts = life.see(described(build.clone()));
    assert_eq!(life.tell_all(acts), [Status::Success]);
    assert!(life.row.settled_at.is_some());
    assert_eq!(life.see(described(build)), []);
}

#[test]
fn a_job_that_is_already_final_is_never_told_as_pending() {
    let mut life = Life::starting(json!({}));
    let build = life.build(1, "FAILED");
    let acts = life.wait(mins(1)).sent(SendSeen::Started(build));
    assert_eq!(life.tell_all(acts), [Status::Error]);
}

#[test]
fn one_telling_is_under_way_at_a_time() {
    let mut life = Life::starting(json!({}));
    let running = life.started(1);
    let build = life.build(1, "SUCCEEDED");
    assert_eq!(status(&life.see(described(build))), None, "running is still on its way");
    let next = life.answered(&running, TellSeen::Delivered);
    assert_eq!(status(&next), Some(Status::Success));
}

#[test]
fn a_telling_whose_worker_died_puts_what_follows_in_doubt() {
    let mut life = Life::starting(json!({}));
    let _lost = life.started(1);
    let build = life.build(1, "SUCCEEDED");
    life.see(described(build));
    assert_eq!(status(&life.wait(secs(59)).wake()), None);
    let first = life.wait(secs(1)).wake();
    assert_eq!(status(&first), Some(Status::Success));
    life.answered(&first, TellSeen::Delivered);
    assert_eq!(life.row.settled_at, None, "the lost telling may still arrive");
    assert_eq!(status(&life.wait(secs(119)).wake()), None);
    let again = life.wait(secs(1)).wake();
    assert_eq!(status(&again), Some(Status::Success));
    life.answered(&again, TellSeen::Delivered);
    assert_eq!(life.row.settled_at, Some(life.now));
}

#[test]
fn an_unknown_outcome_of_a_pending_status_has_the_final_one_told_twice() {
    let mut life = Life::starting(json!({}));
    let running = life.started(1);
    let acts = life.answered(&running, unknown());
    assert_eq!(status(&acts), None, "not at once");
    let build = life.build(1, "SUCCEEDED");
    let first = life.see(described(build));
    assert_eq!(status(&first), Some(Status::Success), "the final one does not wait for the back-off");
    life.answered(&first, TellSeen::Delivered);
    let told_at = life.now;
    let again = life.wake_when_due();
    assert_eq!(status(&again), Some(Status::Success));
    assert!(life.now.since(told_at) >= secs(120));
    life.answered(&again, unknown());
    assert_eq!(life.row.settled_at, None, "until it is known to have arrived");
    let last = life.wake_when_due();
    life.answered(&last, TellSeen::Delivered);
    assert!(life.row.settled_at.is_some());
}

/// 10 s in which a claim may be used, and 120 s in which a forge does what it was sent.
#[test]
fn a_final_status_is_told_once_if_all_that_was_on_its_way_has_arrived_before() {
    let check = |waited: u64, settles: bool| {
        let mut life = Life::starting(json!({}));
        let running = life.started(1);
        life.answered(&running, unknown());
        let build = life.build(1, "SUCCEEDED");
        let last = life.wait(secs(waited)).see(described(build));
        life.answered(&last, TellSeen::Delivered);
        assert_eq!(life.row.settled_at.is_some(), settles, "{waited} s after the claim in doubt");
    };
    check(129, false);
    check(130, true);
}

#[test]
fn an_unknown_outcome_of_the_final_status_is_only_repeated() {
    let (mut life, acts) = Life::ended();
    life.answered(&acts, unknown());
    let acts = life.wake_when_due();
    life.answered(&acts, TellSeen::Delivered);
    assert!(life.row.settled_at.is_some());
}

#[test]
fn an_answer_to_a_telling_that_was_taken_over_changes_nothing() {
    let mut life = Life::starting(json!({}));
    let lost = life.started(1);
    life.wait(secs(60)).wake();
    let before = life.row.clone();
    life.answered(&lost, TellSeen::Undeliverable("it answers 404".to_owned()));
    assert_eq!(life.row, before);
}

/// Two workers' clocks may show the same millisecond for claims that were made one after the other.
#[test]
fn an_answer_to_the_status_before_is_not_taken_for_one_to_the_next_that_was_claimed_in_the_same_millisecond() {
    let mut life = Life::starting(json!({}));
    let running = life.started(1);
    let build = life.build(1, "SUCCEEDED");
    life.see(described(build));
    let success = life.answered(&running, TellSeen::Delivered);
    assert_eq!(status(&success), Some(Status::Success));
    life.answered(&running, TellSeen::Delivered);
    assert_eq!(life.row.settled_at, None, "the forge has not answered to the final status");
    life.answered(&success, TellSeen::Delivered);
    assert!(life.row.settled_at.is_some());
}

#[test]
fn a_forge_that_is_down_is_told_less_and_less_often_and_after_a_week_not_any_more() {
    let mut refused_job = Life::of(json!({"commit": COMMIT}));
    let rejection = refused_job.see(known(&policy(json!({"refs": ["v1"]}))));
    for (mut life, mut acts) in [Life::ended(), (refused_job, rejection)] {
        let mut tries = 0;
        while life.row.settled_at.is_none() {
            if status(&acts).is_some() {
                tries += 1;
                life.answered(&acts, refused(None));
            }
            if life.row.settled_at.is_none() {
                acts = life.wake_when_due();
            }
        }
        let days = life.now.since(START).as_secs() / 86_400;
        assert_eq!(days, 7);
        assert!((1000..1400).contains(&tries), "about every ten minutes, not {tries} times a week");
        let why = life.row.telling.undeliverable.clone();
        assert_eq!(why.as_deref(), Some("not in 7 days: it answers 503"));
        let tried = life.row.trail.iter().filter(|note| note.text.starts_with("the forge did not take")).count();
        assert_eq!(tried, 1, "{:?}", life.row.trail);
    }
}

#[test]
fn a_forge_that_comes_back_after_a_day_is_told_the_final_status_only() {
    let mut life = Life::starting(json!({}));
    let mut acts = life.started(1);
    for _ in 0..20 {
        life.answered(&acts, refused(None));
        loop {
            acts = life.wake_when_due();
            match status(&acts) {
                Some(told) => break assert_eq!(told, Status::Running),
                None => life.see(Seen::LookFailed("down".to_owned())),
            };
        }
    }
    life.answered(&acts, refused(None));
    let build = life.build(1, "SUCCEEDED");
    let acts = life.see(described(build));
    assert_eq!(life.tell_all(acts), [Status::Success]);
    assert!(life.row.settled_at.is_some());
}

#[test]
fn what_the_forge_asks_for_is_kept_within_bounds() {
    let check = |retry_after, least, most| {
        let (mut life, acts) = Life::ended();
        life.answered(&acts, refused(retry_after));
        let wait = life.row.due_at().unwrap().since(life.now);
        assert!((least..=most).contains(&wait), "{retry_after:?} made {wait:?}");
    };
    check(None, secs(3), secs(5));
    check(Some(0), secs(3), secs(5));
    check(Some(90), secs(90), secs(90));
    check(Some(u32::MAX), mins(60), mins(60));
}

#[test]
fn what_waits_in_line_before_a_forge_is_due_in_case_that_nobody_calls_it() {
    for (forge, seconds) in [(Passage::Busy, 45..=60), (Passage::Closed, 450..=600)] {
        let mut life = Life { forge, ..Life::running() };
        let build = life.build(1, "SUCCEEDED");
        assert_eq!(status(&life.see(described(build))), None);
        let wait = life.row.telling.due.unwrap().since(life.now).as_secs();
        assert!(seconds.contains(&wait), "{forge:?}: {wait} s");
    }
}

#[test]
fn what_the_forge_can_not_store_is_tried_six_times() {
    let (mut life, mut acts) = Life::ended();
    for _ in 0..5 {
        assert_eq!(status(&life.answered(&acts, contended())), None, "not at once");
        assert_eq!(life.row.settled_at, None);
        acts = life.wake_when_due();
    }
    life.answered(&acts, contended());
    assert_eq!(life.row.telling.undeliverable.as_deref(), Some("EDBERROR"));
    assert!(life.row.settled_at.is_some());
}

#[test]
fn an_outage_before_does_not_count_as_what_the_forge_can_not_store() {
    let (mut life, mut acts) = Life::ended();
    for _ in 0..20 {
        life.answered(&acts, refused(None));
        acts = life.wake_when_due();
    }
    life.answered(&acts, contended());
    assert_eq!(life.row.telling.undeliverable, None);
}

#[test]
fn a_forge_that_will_never_take_it_settles_the_job_with_the_reason() {
    let (mut life, acts) = Life::ended();
    life.answered(&acts, TellSeen::Undeliverable("it answers 404:\nENOPROJECT".to_owned()));
    assert_eq!(life.row.telling.undeliverable.as_deref(), Some("it answers 404: ENOPROJECT"));
    assert!(life.row.settled_at.is_some());
}

#[test]
fn an_undeliverable_pending_status_does_not_settle_a_job_that_runs() {
    let mut life = Life::starting(json!({}));
    let acts = life.started(1);
    life.answered(&acts, TellSeen::Undeliverable("it answers 404".to_owned()));
    assert_eq!(life.row.settled_at, None);
    let build = life.build(1, "SUCCEEDED");
    assert_eq!(status(&life.see(described(build))), None);
    assert!(life.row.settled_at.is_some());
}

#[test]
fn a_settled_row_has_no_due_time_and_expires_after_thirty_days() {
    let (mut life, acts) = Life::ended();
    assert_eq!(life.row.expires_at(), None);
    life.tell_all(acts);
    assert_eq!(life.row.due_at(), None);
    assert_eq!(life.row.expires_at(), Some(life.now + mins(30 * 24 * 60)));
    assert_eq!(life.wait(mins(600)).wake(), []);
}

#[test]
fn a_job_without_a_report_settles_with_its_end() {
    let mut life = Life::starting(json!({"reportTo": null}));
    life.started(1);
    let build = life.build(1, "SUCCEEDED");
    assert_eq!(life.see(described(build)), []);
    assert!(life.row.settled_at.is_some());
}

#[test]
fn a_start_that_is_repeated_is_not_told_as_queued_over_anything() {
    let mut life = Life::starting(json!({}));
    let acts = life.wait(secs(60)).wake();
    assert_eq!(life.tell_all(acts), [Status::Queued]);
    let asked_at = life.wait(mins(16)).now;
    let acts = life.see(Seen::Searched { asked_at, builds: vec![] });
    assert_eq!(status(&acts), None);
}
