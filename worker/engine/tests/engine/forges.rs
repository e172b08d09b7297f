//! Forges that are down, slow, or among others.

use std::time::Duration;

use doorbell_messages::{JobKey, Status};
use serde_json::json;

use crate::fakes::{Mood, locked};
use crate::world::{World, secs};

fn address(number: usize) -> String {
    format!("https://forge-{number}.example.org")
}

fn register(world: &World, number: usize) -> String {
    let name = format!("project-{number}");
    let report = json!({"type": "pagure", "url": address(number), "repo": "demo", "tokenSecret": "forge/demo"});
    world.register(&name, json!({"reportTo": report}));
    name
}

fn set(world: &World, number: usize, mood: Option<Mood>) {
    let mut pagure = locked(&world.shared.pagure);
    match mood {
        Some(mood) => pagure.moods.insert(address(number), mood),
        None => pagure.moods.remove(&address(number)),
    };
}

fn requests(world: &World, number: usize) -> u32 {
    locked(&world.shared.pagure).requests.get(&address(number)).copied().unwrap_or_default()
}

async fn day_without(mood: Mood, jobs: usize, is_worker_new: bool) {
    let world = World::new();
    let project = register(&world, 0);
    let first = world.worker("a");
    locked(&world.shared.account).rules.limit = 1000;
    set(&world, 0, Some(mood));
    let keys: Vec<JobKey> = (0..jobs).map(|_| world.publish(json!({"project": project}))).collect();
    tokio::time::sleep(secs(24 * 3600)).await;
    let during = requests(&world, 0);
    assert!(during <= 24 * 15, "{mood:?}: {during} requests in the day");
    let _second = is_worker_new.then(|| {
        first.process.kill();
        world.worker("b")
    });
    set(&world, 0, None);
    tokio::time::sleep(secs(15 * 60)).await;
    for key in &keys {
        assert_eq!(world.told(key).last(), Some(&Status::Success), "{mood:?}: {:?}", world.row(key).telling);
    }
    world.settle().await;
    let after = requests(&world, 0) - during;
    println!("{mood:?}: {during} requests in the day, {after} after it for {jobs} jobs");
    assert!(after as usize <= jobs * 11 / 10, "{mood:?}: {after} requests for {jobs} statuses");
}

#[tokio::test(start_paused = true)]
async fn a_forge_that_is_back_after_a_day_has_every_status_within_a_quarter_of_an_hour() {
    for mood in [Mood::Down, Mood::Hanging, Mood::Overloaded { retry_after: 600 }] {
        day_without(mood, 100, mood == Mood::Hanging).await;
    }
}

/// How long after a build's end each job's final flag was there: the 99th of a hundred.
async fn patience_of_the_others(dead: Option<Mood>) -> Duration {
    let world = World::new();
    locked(&world.shared.account).rules.limit = 1000;
    let projects: Vec<String> = (0..=50).map(|number| register(&world, number)).collect();
    if let Some(mood) = dead {
        set(&world, 0, Some(mood));
    }
    let _worker = world.worker("a");
    let mut good = Vec::new();
    for _ in 0..10 {
        for (number, project) in projects.iter().enumerate() {
            // The dead one's has as many jobs as all the others together.
            let jobs = if number == 0 { 50 } else { 1 };
            for _ in 0..jobs {
                let key = world.publish(json!({"project": project}));
                if number > 0 {
                    good.push(key);
                }
            }
        }
        tokio::time::sleep(secs(10)).await;
    }
    tokio::time::sleep(secs(200)).await;
    let mut waits: Vec<Duration> = good
        .iter()
        .map(|key| {
            let ended = world.own_builds(key)[0].ended_at.unwrap();
            let told = world.flags(key).into_iter().find(|flag| flag.status.is_final());
            told.unwrap_or_else(|| panic!("{key} was not told")).at.since(ended)
        })
        .collect();
    waits.sort();
    waits[waits.len() * 99 / 100]
}

#[tokio::test(start_paused = true)]
async fn a_dead_forge_keeps_no_other_forge_waiting() {
    let before = patience_of_the_others(None).await;
    for mood in [Mood::Hanging, Mood::Down] {
        let during = patience_of_the_others(Some(mood)).await;
        println!("p99 of the other forges: {before:?}, beside a dead one ({mood:?}) {during:?}");
        assert!(during <= before.mul_f64(1.1), "{mood:?}: p99 {during:?}, without it {before:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_final_status_told_long_after_a_doubtful_one_is_told_once() {
    let world = World::new();
    let project = register(&world, 0);
    let _worker = world.worker("a");
    set(&world, 0, Some(Mood::Hanging));
    let key = world.publish(json!({"project": project}));
    tokio::time::sleep(secs(600)).await;
    set(&world, 0, None);
    world.settle().await;
    assert_eq!(world.told(&key), [Status::Success]);
}
