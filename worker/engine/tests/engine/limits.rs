//! An account at its limit.

use std::time::Duration;

use doorbell_messages::Status;
use serde_json::json;

use crate::fakes::{Call, locked};
use crate::world::{World, secs};

#[tokio::test(start_paused = true)]
async fn with_a_limit_of_one_all_jobs_finish_one_after_the_other() {
    let world = World::new();
    let _workers = [world.worker("a"), world.worker("b")];
    locked(&world.shared.account).rules.limit = 1;
    let keys: Vec<_> = (0..5).map(|_| world.publish(json!({}))).collect();
    world.settle().await;
    assert_eq!(world.tally(), [("success", 5)].into());
    assert_eq!(locked(&world.shared.account).most_at_once, 1);
    for key in keys {
        let told = world.told(&key);
        let expected = [vec![Status::Running, Status::Success], vec![Status::Queued, Status::Running, Status::Success]];
        assert!(expected.contains(&told), "{told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_closes_the_pool_and_the_others_do_not_ask() {
    let world = World::new();
    let worker = world.worker("a");
    locked(&world.shared.account).rules.limit = 0;
    world.publish(json!({}));
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..49 {
        world.publish(json!({}));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!((world.rows().len(), worker.process.count(Call::Start)), (50, 1));
    tokio::time::sleep(secs(600)).await;
    let starts = worker.process.count(Call::Start);
    assert!(starts <= 50 * 16, "each job asks about once a minute in the end, not {starts} times in ten minutes");
    locked(&world.shared.account).rules.limit = 20;
    world.settle().await;
    assert_eq!(world.tally(), [("success", 50)].into());
}

#[tokio::test(start_paused = true)]
async fn what_the_owner_has_to_mend_is_waited_for() {
    let world = World::new();
    let worker = world.worker("a");
    locked(&world.shared.account).rules.is_denied = true;
    let key = world.publish(json!({}));
    tokio::time::sleep(secs(3600)).await;
    assert_eq!(world.told(&key), [Status::Queued]);
    let starts = worker.process.count(Call::Start);
    assert!((10..40).contains(&starts), "{starts} tries in an hour");
    locked(&world.shared.account).rules.is_denied = false;
    world.settle().await;
    assert_eq!(world.row(&key).status(), Status::Success);
}
