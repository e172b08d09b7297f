//! Workers that die, hang or lose a reply at every line that matters, and the ones that follow them.

use doorbell_messages::Status;
use serde_json::json;

use crate::fakes::{Call, Effect, Moment, locked};
use crate::world::{World, secs};

/// A worker dies at the nth such call of a job's journey; another one is there from the beginning or comes later.
async fn check_crash(nth: u32, call: Call, moment: Moment, absence: u64) {
    let what = format!("{moment:?} {call:?} {nth}, absent for {absence} s");
    let world = World::new();
    let first = world.worker("a");
    first.process.nth(nth, call, moment, Effect::Kill);
    let key = world.publish(json!({}));
    tokio::time::timeout(secs(600), first.process.is_down()).await.unwrap_or_else(|_| panic!("never reached: {what}"));
    tokio::time::sleep(secs(absence)).await;
    let _second = world.worker("b");
    world.settle().await;
    world.build_of(&key);
    assert_eq!(world.told(&key).last(), Some(&Status::Success), "{what}");
}

/// How long nobody works: not at all, beyond a lease, beyond a token's life, beyond every belief.
const ABSENCES: [u64; 4] = [0, 70, 400, 2000];

macro_rules! crash_tests {
    ($($name:ident: $nth:literal, $call:ident, $moment:ident;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                for absence in ABSENCES {
                    check_crash($nth, Call::$call, Moment::$moment, absence).await;
                }
            }
        )*
    };
}

// What each leaves behind stands in the README's table of phases.
crash_tests! {
    a_worker_that_dies_before_its_insert_leaves_the_message: 1, Insert, Before;
    a_worker_that_dies_after_its_insert_and_before_its_ack_leaves_a_row: 1, Insert, After;
    a_worker_that_dies_before_its_ack_leaves_a_duplicate: 1, Ack, Before;
    a_worker_that_dies_before_it_read_the_policy_leaves_a_received_row: 1, ReadProject, Before;
    a_worker_that_dies_before_its_claim_leaves_a_received_row: 1, Update, Before;
    a_worker_that_dies_after_its_claim_and_before_its_send_leaves_a_claim: 1, Update, After;
    a_worker_that_dies_before_its_send_leaves_a_claim: 1, Start, Before;
    a_worker_that_dies_after_its_send_leaves_a_build_that_no_row_knows: 1, Start, After;
    a_worker_that_dies_before_it_wrote_the_build_leaves_a_build_that_no_row_knows: 2, Update, Before;
    a_worker_that_dies_after_it_wrote_the_build_leaves_a_telling_claimed: 2, Update, After;
    a_worker_that_dies_before_it_tells_leaves_a_telling_in_doubt: 1, Tell, Before;
    a_worker_that_dies_after_it_told_leaves_a_telling_in_doubt: 1, Tell, After;
    a_worker_that_dies_before_it_wrote_what_it_told_leaves_a_telling_in_doubt: 3, Update, Before;
    a_worker_that_dies_before_the_final_flag_leaves_it_to_the_next: 2, Tell, Before;
    a_worker_that_dies_after_the_final_flag_has_it_told_again: 2, Tell, After;
    a_worker_that_dies_while_it_asks_after_the_build_leaves_the_sweep: 1, Describe, Before;
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_to_startbuild_is_repaired_by_the_same_token() {
    let world = World::new();
    let worker = world.worker("a");
    worker.process.next(Call::Start, Moment::After, Effect::Fail);
    // An event would bring the build just as well.
    locked(&world.shared.account).rules.copies = 0;
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(20)).await;
    world.build_of(&key);
    assert_eq!(world.row(&key).status(), Status::Running);
    assert_eq!(worker.process.count(Call::List), 0);
    world.settle().await;
    assert_eq!(locked(&world.shared.account).starts, 2);
}

#[tokio::test(start_paused = true)]
async fn with_an_expired_token_the_build_is_found_and_not_started_again() {
    let world = World::new();
    let first = world.worker("a");
    // The second worker finds the build by its search alone.
    locked(&world.shared.account).rules.copies = 0;
    locked(&world.shared.account).rules.build_time = secs(3000);
    first.process.next(Call::Start, Moment::After, Effect::Kill);
    let key = world.publish(json!({}));
    first.process.is_down().await;
    tokio::time::sleep(secs(330)).await;
    let second = world.worker("b");
    tokio::time::sleep(secs(20)).await;
    assert_eq!(world.row(&key).build().unwrap().id, world.build_of(&key));
    assert_eq!(second.process.count(Call::Start), 0);
    world.settle().await;
}

#[tokio::test(start_paused = true)]
async fn with_an_expired_token_and_no_build_it_is_started_again_after_sixteen_minutes() {
    let world = World::new();
    let first = world.worker("a");
    first.process.next(Call::Start, Moment::Before, Effect::Kill);
    let key = world.publish(json!({}));
    first.process.is_down().await;
    let began = world.shared.now();
    tokio::time::sleep(secs(330)).await;
    let _second = world.worker("b");
    world.settle().await;
    world.build_of(&key);
    let started = world.own_builds(&key)[0].started_at.unwrap().since(began);
    assert!(started >= secs(16 * 60) && started < secs(17 * 60), "{started:?}");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_is_stopped_before_its_send_and_wakes_late_does_not_use_its_old_claim() {
    // Beyond its own ten seconds, beyond the lease, beyond the token, beyond the belief and the second attempt.
    for asleep in [15, 90, 400, 2000] {
        let world = World::new();
        let zombie = world.worker("a");
        // Between the claim's write and what it does then.
        zombie.process.next(Call::Update, Moment::After, Effect::Stop);
        let key = world.publish(json!({}));
        zombie.process.is_down().await;
        let _other = world.worker("b");
        tokio::time::sleep(secs(asleep)).await;
        zombie.process.go_on();
        world.settle().await;
        world.build_of(&key);
        if asleep > 60 {
            assert_eq!(zombie.process.count(Call::Start), 0, "its claim was taken over; asleep for {asleep} s");
        } else {
            let text = "waiting for a build: the claim had run out";
            assert!(world.rows()[0].trail.iter().any(|note| note.text == text));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_wakes_with_the_answer_of_its_send_in_hand_changes_nothing() {
    for asleep in [15, 90, 400, 2000] {
        let world = World::new();
        let zombie = world.worker("a");
        zombie.process.next(Call::Start, Moment::After, Effect::Stop);
        let key = world.publish(json!({}));
        zombie.process.is_down().await;
        let _other = world.worker("b");
        tokio::time::sleep(secs(asleep)).await;
        zombie.process.go_on();
        world.settle().await;
        world.build_of(&key);
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_secret_does_not_let_an_old_status_be_told_over_a_new_one() {
    let world = World::new();
    let slow = world.worker("a");
    slow.process.next(Call::ReadSecret, Moment::After, Effect::Delay(secs(400)));
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(10)).await;
    let _other = world.worker("b");
    world.settle().await;
    let told = world.told(&key);
    let first_final = told.iter().position(|status| status.is_final()).unwrap();
    assert!(told[first_final..].iter().all(|status| status.is_final()), "{told:?}");
}

#[tokio::test(start_paused = true)]
async fn a_forge_that_commits_a_pending_flag_late_shows_the_final_one_in_the_end() {
    for late in [5, 35, 60, 110] {
        let world = World::new();
        let _worker = world.worker("a");
        locked(&world.shared.pagure).next_is_late = Some(secs(late));
        let key = world.publish(json!({}));
        world.settle().await;
        assert_eq!(world.told(&key).last(), Some(&Status::Success), "{late} s late: {:?}", world.told(&key));
    }
}

#[tokio::test(start_paused = true)]
async fn lost_replies_of_the_ledger_are_told_from_conflicts() {
    for nth in 1..6 {
        for call in [Call::Insert, Call::Update] {
            let world = World::new();
            let worker = world.worker("a");
            worker.process.nth(if call == Call::Insert { 1 } else { nth }, call, Moment::After, Effect::Fail);
            let key = world.publish(json!({}));
            world.settle().await;
            world.build_of(&key);
            assert_eq!(world.told(&key), [Status::Running, Status::Success], "{call:?} {nth}");
            assert_eq!(locked(&world.shared.account).starts, 1);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_of_a_newer_worker_is_left_alone_and_others_behind_it_are_not() {
    let world = World::new();
    let first = world.worker("a");
    first.process.down(&[Call::ReadProject], secs(100));
    let keys: Vec<_> = (0..40).map(|_| world.publish(json!({}))).collect();
    tokio::time::sleep(secs(20)).await;
    first.process.kill();
    let newer: Vec<_> = keys.iter().take(20).cloned().collect();
    locked(&world.shared.table).newer.extend(newer.iter().cloned());
    let before: Vec<_> = newer.iter().map(|key| world.row(key)).collect();
    let _second = world.worker("b");
    world
        .until("the others are settled", |world| keys.iter().skip(20).all(|key| world.row(key).settled_at.is_some()))
        .await;
    assert_eq!(newer.iter().map(|key| world.row(key)).collect::<Vec<_>>(), before);
    assert_eq!(*locked(&world.shared.violations), [""; 0]);
}
