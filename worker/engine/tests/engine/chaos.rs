//! Everything at once, by a seed. What fails here is printed with its seed and fails again with it.

use std::time::Duration;

use serde_json::json;

use crate::fakes::{Call, Effect, Moment, locked};
use crate::world::{Running, World, secs};

/// A small generator: the same numbers on every machine.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

async fn history(seed: u64) {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let world = World::new();
    {
        let rules = &mut locked(&world.shared.account).rules;
        rules.limit = dice.one_of(&[1, 3, 20]);
        rules.copies = dice.below(3) as u32;
        rules.list_lag = secs(dice.below(30));
        rules.start_event_after = Duration::from_millis(dice.below(60_000));
        rules.end_event_after = Duration::from_millis(dice.below(60_000));
        rules.end_lag = secs(dice.below(10));
        locked(&world.shared.table).lag = secs(dice.below(10));
    }
    let mut workers: Vec<Running> = (0..2).map(|number| world.worker(&format!("first-{number}"))).collect();
    let jobs = 3 + dice.below(5);
    for number in 0..jobs {
        let (_, body) = world.message(json!({}));
        for _ in 0..=dice.below(2) {
            world.shared.triggers.send(body.clone());
        }
        let worker = &workers[dice.below(workers.len() as u64) as usize];
        for _ in 0..dice.below(4) {
            let effect = match dice.below(4) {
                0 => Effect::Kill,
                1 => Effect::Stop,
                2 => Effect::Fail,
                _ => Effect::Delay(secs(dice.below(90))),
            };
            let moment = dice.one_of(&[Moment::Before, Moment::After]);
            worker.process.nth(1 + dice.below(6) as u32, dice.one_of(&Call::ALL), moment, effect);
        }
        tokio::time::sleep(secs(dice.one_of(&[0, 1, 20, 90, 400]))).await;
        if dice.below(3) == 0 {
            locked(&world.shared.pagure).next_is_late = Some(secs(dice.below(100)));
        }
        if dice.below(2) == 0 {
            workers[dice.below(workers.len() as u64) as usize].process.kill();
            workers.push(world.worker(&format!("later-{number}")));
        }
        workers.iter().for_each(|worker| {
            if dice.below(2) == 0 {
                worker.process.go_on();
            }
        });
    }
    // The dead stay dead; one healthy worker is enough.
    workers.iter().for_each(|worker| worker.process.kill());
    let _last = world.worker("last");
    world.settle().await;
    assert_eq!(world.rows().len() as u64, jobs);
}

#[test]
fn whatever_happens_there_is_one_build_a_job_and_its_true_flag() {
    let seeds = match std::env::var("DOORBELL_SEEDS") {
        Ok(text) => text.split_once("..").map(|(from, to)| from.parse().unwrap()..to.parse().unwrap()).unwrap(),
        Err(_) => 0..25,
    };
    for seed in seeds {
        println!("seed {seed} (again with DOORBELL_SEEDS={seed}..{})", seed + 1);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(history(seed));
    }
}
