//! Workers that crash, hang or lose a reply at each port call, and the workers that take over.

use doorbell_messages::Status;
use serde_json::json;

use crate::fakes::{FaultAction, FaultPoint, PortCall, lock};
use crate::harness::{RunningWorker, Simulation, secs};

/// Kills a worker at the nth such call; another worker starts `downtime` seconds later and finishes the job.
async fn check_crash(nth: u32, call: PortCall, moment: FaultPoint, downtime: u64) {
    let simulation = Simulation::new();
    let first = simulation.start_worker("a");
    check_takeover(&simulation, &first, (nth, call, moment), downtime).await;
}

/// Publishes a job and kills its worker at the nth such call from now on; another worker finishes the job.
pub async fn check_takeover(
    simulation: &Simulation,
    first: &RunningWorker,
    (nth, call, moment): (u32, PortCall, FaultPoint),
    downtime: u64,
) {
    let case = format!("{moment:?} {call:?} {nth}, down for {downtime} s");
    first.process.inject_nth(nth, call, moment, FaultAction::Kill);
    let key = simulation.publish(json!({}));
    tokio::time::timeout(secs(600), first.process.wait_down())
        .await
        .unwrap_or_else(|_| panic!("fault was not reached: {case}"));
    tokio::time::sleep(secs(downtime)).await;
    let _second = simulation.start_worker("b");
    simulation.wait_settled().await;
    simulation.only_build(&key);
    assert_eq!(simulation.reported(&key).last(), Some(&Status::Success), "{case}");
}

/// Seconds without a worker: none, then longer than a lease, a token's window, and the confirmed absence of a build.
const DOWNTIMES: [u64; 4] = [0, 70, 400, 2000];

macro_rules! crash_tests {
    ($($name:ident: $nth:literal, $call:ident, $moment:ident;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                for downtime in DOWNTIMES {
                    check_crash($nth, PortCall::$call, FaultPoint::$moment, downtime).await;
                }
            }
        )*
    };
}

// The README's table of phases says what each crash leaves behind.
crash_tests! {
    crash_before_insert_leaves_the_message: 1, Insert, Before;
    crash_after_insert_leaves_a_row: 1, Insert, After;
    crash_before_ack_leaves_a_duplicate_message: 1, Ack, Before;
    crash_before_policy_read_leaves_a_received_row: 1, ReadProject, Before;
    crash_before_claim_leaves_a_received_row: 1, Update, Before;
    crash_after_claim_leaves_an_unused_claim: 1, Update, After;
    crash_before_start_call_leaves_a_claim: 1, Start, Before;
    crash_after_start_call_leaves_an_unrecorded_build: 1, Start, After;
    crash_before_build_write_leaves_an_unrecorded_build: 2, Update, Before;
    crash_after_build_write_leaves_a_claimed_report: 2, Update, After;
    crash_before_report_leaves_its_outcome_unknown: 1, ReportStatus, Before;
    crash_after_report_leaves_its_outcome_unknown: 1, ReportStatus, After;
    crash_before_report_write_leaves_its_outcome_unknown: 3, Update, Before;
    crash_before_final_report_leaves_it_to_another_worker: 2, ReportStatus, Before;
    crash_after_final_report_repeats_it: 2, ReportStatus, After;
    crash_during_describe_leaves_the_build_to_the_sweep: 1, Describe, Before;
}

#[tokio::test(start_paused = true)]
async fn lost_startbuild_reply_is_recovered_with_the_same_token() {
    let simulation = Simulation::new();
    let worker = simulation.start_worker("a");
    worker.process.inject_next(PortCall::Start, FaultPoint::After, FaultAction::Fail);
    // Without events only the repeated start call can find the build.
    lock(&simulation.services.provider).behavior.event_copies = 0;
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(20)).await;
    simulation.only_build(&key);
    assert_eq!(simulation.row(&key).status(), Status::Running);
    assert_eq!(worker.process.count(PortCall::List), 0);
    simulation.wait_settled().await;
    assert_eq!(lock(&simulation.services.provider).start_calls, 2);
}

#[tokio::test(start_paused = true)]
async fn build_is_found_by_query_after_its_token_expired() {
    let simulation = Simulation::new();
    let first = simulation.start_worker("a");
    // Without events only the search can find the build.
    lock(&simulation.services.provider).behavior.event_copies = 0;
    lock(&simulation.services.provider).behavior.build_time = secs(3000);
    first.process.inject_next(PortCall::Start, FaultPoint::After, FaultAction::Kill);
    let key = simulation.publish(json!({}));
    first.process.wait_down().await;
    tokio::time::sleep(secs(330)).await;
    let second = simulation.start_worker("b");
    tokio::time::sleep(secs(20)).await;
    assert_eq!(simulation.row(&key).build().unwrap().id, simulation.only_build(&key));
    assert_eq!(second.process.count(PortCall::Start), 0);
    simulation.wait_settled().await;
}

#[tokio::test(start_paused = true)]
async fn missing_build_is_started_again_after_16_minutes() {
    let simulation = Simulation::new();
    let first = simulation.start_worker("a");
    first.process.inject_next(PortCall::Start, FaultPoint::Before, FaultAction::Kill);
    let key = simulation.publish(json!({}));
    first.process.wait_down().await;
    let started_at = simulation.services.now();
    tokio::time::sleep(secs(330)).await;
    let _second = simulation.start_worker("b");
    simulation.wait_settled().await;
    simulation.only_build(&key);
    let started = simulation.own_builds(&key)[0].started_at.unwrap().duration_since(started_at);
    assert!(started >= secs(16 * 60) && started < secs(17 * 60), "{started:?}");
}

#[tokio::test(start_paused = true)]
async fn paused_worker_does_not_use_an_expired_claim() {
    // Longer than the claim, the lease, the token's window, and the confirmed absence with its second attempt.
    for pause in [15, 90, 400, 2000] {
        let simulation = Simulation::new();
        let paused = simulation.start_worker("a");
        // Between the write of the claim and the start call.
        paused.process.inject_next(PortCall::Update, FaultPoint::After, FaultAction::Stop);
        let key = simulation.publish(json!({}));
        paused.process.wait_down().await;
        let _other = simulation.start_worker("b");
        tokio::time::sleep(secs(pause)).await;
        paused.process.resume();
        simulation.wait_settled().await;
        simulation.only_build(&key);
        if pause > 60 {
            assert_eq!(paused.process.count(PortCall::Start), 0, "its claim was taken over; paused for {pause} s");
        } else {
            let text = "waiting for a build: the call was not made";
            assert!(simulation.rows()[0].trail.iter().any(|note| note.message == text));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn paused_worker_with_an_old_start_reply_changes_nothing() {
    for pause in [15, 90, 400, 2000] {
        let simulation = Simulation::new();
        let paused = simulation.start_worker("a");
        paused.process.inject_next(PortCall::Start, FaultPoint::After, FaultAction::Stop);
        let key = simulation.publish(json!({}));
        paused.process.wait_down().await;
        let _other = simulation.start_worker("b");
        tokio::time::sleep(secs(pause)).await;
        paused.process.resume();
        simulation.wait_settled().await;
        simulation.only_build(&key);
    }
}

#[tokio::test(start_paused = true)]
async fn slow_secret_read_does_not_overwrite_a_newer_status() {
    let simulation = Simulation::new();
    let slow = simulation.start_worker("a");
    slow.process.inject_next(PortCall::ReadSecret, FaultPoint::After, FaultAction::Delay(secs(400)));
    let key = simulation.publish(json!({}));
    tokio::time::sleep(secs(10)).await;
    let _other = simulation.start_worker("b");
    simulation.wait_settled().await;
    let reported = simulation.reported(&key);
    let first_final = reported.iter().position(|status| status.is_final()).unwrap();
    assert!(reported[first_final..].iter().all(|status| status.is_final()), "{reported:?}");
}

#[tokio::test(start_paused = true)]
async fn late_pending_flag_does_not_hide_the_final_status() {
    for late in [5, 35, 60, 110] {
        let simulation = Simulation::new();
        let _worker = simulation.start_worker("a");
        lock(&simulation.services.forge).next_delay = Some(secs(late));
        let key = simulation.publish(json!({}));
        simulation.wait_settled().await;
        assert_eq!(
            simulation.reported(&key).last(),
            Some(&Status::Success),
            "{late} s late: {:?}",
            simulation.reported(&key)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn lost_ledger_reply_is_distinguished_from_a_conflict() {
    for nth in 1..6 {
        for call in [PortCall::Insert, PortCall::Update] {
            let simulation = Simulation::new();
            let worker = simulation.start_worker("a");
            worker.process.inject_nth(
                if call == PortCall::Insert { 1 } else { nth },
                call,
                FaultPoint::After,
                FaultAction::Fail,
            );
            let key = simulation.publish(json!({}));
            simulation.wait_settled().await;
            simulation.only_build(&key);
            assert_eq!(simulation.reported(&key), [Status::Running, Status::Success], "{call:?} {nth}");
            assert_eq!(lock(&simulation.services.provider).start_calls, 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn newer_schema_row_is_left_alone_without_blocking_others() {
    let simulation = Simulation::new();
    let first = simulation.start_worker("a");
    first.process.fail_for(&[PortCall::ReadProject], secs(100));
    let keys: Vec<_> = (0..40).map(|_| simulation.publish(json!({}))).collect();
    tokio::time::sleep(secs(20)).await;
    first.process.kill();
    let newer: Vec<_> = keys.iter().take(20).cloned().collect();
    lock(&simulation.services.ledger).newer_schema.extend(newer.iter().cloned());
    let before: Vec<_> = newer.iter().map(|key| simulation.row(key)).collect();
    let _second = simulation.start_worker("b");
    simulation
        .wait_until("the others are settled", |simulation| {
            keys.iter().skip(20).all(|key| simulation.row(key).settled_at.is_some())
        })
        .await;
    assert_eq!(newer.iter().map(|key| simulation.row(key)).collect::<Vec<_>>(), before);
    assert_eq!(*lock(&simulation.services.violations), [""; 0]);
}
