//! Everything at once.
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::faulty::Faulty;
use super::fleet::Fleet;
use super::output::{Finding, rounded};
use super::plan::{self, Planned};
use super::publisher::{self, Rung};
use super::verdict::{self, Verdict};
use super::{ChaosArguments, events, time};
use crate::dice::Dice;
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::world::account::{DEAD_LETTERS, EVENTS_DEAD_LETTERS};

/// Jobs, unless another number is asked for.
const JOBS: u64 = 1000;

/// How long one kind of weather lasts for events.
const WEATHER: Duration = Duration::from_secs(4);

/// From one restart of the forge to the next, and how long it is down each time.
const FORGE_UP: Duration = Duration::from_secs(12);
const FORGE_DOWN: Duration = Duration::from_secs(1);

/// From one look at the ledger to the next: a look at a thousand rows is work for the emulator.
const LOOK: Duration = Duration::from_secs(4);

/// How long a message in hand is hidden. The account's own 20 s are longer, and kinder: with less, a message comes
/// back while whoever has it may still be at work.
const VISIBILITY: Duration = Duration::from_secs(15);

/// What a storm has done besides blows and faults.
#[derive(Debug, Default)]
struct Course {
    time_jumps: u64,
    redriven: u64,
    forge_restarts: u64,
}

pub(super) async fn run(mut options: SandboxOptions, arguments: &ChaosArguments, seed: u64) -> anyhow::Result<Finding> {
    options.buildspec = plan::BUILDSPEC.to_owned();
    let sandbox = Sandbox::start(options).await?;
    sandbox.world.hide_messages_for(VISIBILITY).await?;
    let faulty = Faulty::start(&sandbox, seed).await?;
    let jobs = plan::make(&sandbox, faulty.forge_url(), seed, arguments.jobs.unwrap_or(JOBS)).await?;
    faulty.set_percent(arguments.faults);
    let mut fleet = Fleet::start(&sandbox, worker_environment(&faulty), arguments.workers)?;
    let mut course = Course::default();
    let started = Instant::now();
    let storm = Storm { sandbox: &sandbox, faulty: &faulty, jobs: &jobs, arguments, seed };
    let rung = storm.rage(&mut fleet, &mut course).await?;
    let seconds = started.elapsed().as_secs_f64();
    fleet.kill_all().await?;
    let verdict = Verdict::of(&verdict::evidence(&sandbox, &jobs, &rung).await?);
    let mut finding = Finding::default();
    for (what, count) in [
        ("duplicates", verdict.duplicates),
        ("lost", verdict.lost),
        ("wrong_final", verdict.wrong_final),
        ("backwards", verdict.backwards),
    ] {
        finding.must(count == 0, || format!("{what}: {count}"));
    }
    finding.broken.extend(verdict.notes);
    let faults: BTreeMap<&str, u64> = faulty.faults().into_iter().map(|(fault, count)| (fault.name(), count)).collect();
    let events = sandbox.codebuild.controls.event_counts();
    let calls = sandbox.codebuild.controls.calls();
    finding.figures = json!({
        "scenario": "storm",
        "seed": seed,
        "jobs": jobs.len(),
        "builds": verdict.builds,
        "duplicates": verdict.duplicates,
        "lost": verdict.lost,
        "wrong_final": verdict.wrong_final,
        "backwards": verdict.backwards,
        "kills": fleet.blows.sum(),
        "signals": { "kill": fleet.blows.kill, "term": fleet.blows.term, "stop": fleet.blows.stop },
        "faults": faults,
        "events": { "lost": events.lost, "repeated": events.repeated, "reordered": events.reordered },
        "forge_restarts": course.forge_restarts,
        "time_jumps": course.time_jumps,
        "redriven": course.redriven,
        "start_build_calls": calls.get("StartBuild"),
        "flag_posts": sandbox.forge.flag_posts().len(),
        "dead_letters": sandbox.world.count(&sandbox.world.queue_url(DEAD_LETTERS)).await?,
        "dead_events": sandbox.world.count(&sandbox.world.queue_url(EVENTS_DEAD_LETTERS)).await?,
        "seconds": rounded(seconds),
        "peak_memory": rounded(fleet.peak_megabytes()),
    });
    Ok(finding)
}

fn worker_environment(faulty: &Faulty) -> Vec<(&'static str, String)> {
    let mut environment = faulty.worker_environment();
    environment.push(("DOORBELL_BUILD_POLL_INTERVAL", "5s".to_owned()));
    environment
}

struct Storm<'a> {
    sandbox: &'a Sandbox,
    faulty: &'a Faulty,
    jobs: &'a [Planned],
    arguments: &'a ChaosArguments,
    seed: u64,
}

impl Storm<'_> {
    /// Until every job is settled, or the time is over.
    async fn rage(&self, fleet: &mut Fleet<'_>, course: &mut Course) -> anyhow::Result<Vec<Rung>> {
        let mut restarts = 0;
        let rung = tokio::select! {
            never = self.weather() => never?,
            never = self.restart_the_forge(&mut restarts) => never?,
            rung = self.strike_until_all_is_settled(fleet, course) => rung?,
        };
        course.forge_restarts = restarts;
        Ok(rung)
    }

    async fn weather(&self) -> anyhow::Result<Vec<Rung>> {
        for turn in 0.. {
            self.sandbox.codebuild.controls.events(events::mode(self.seed, turn));
            tokio::time::sleep(WEATHER).await;
        }
        Ok(Vec::new())
    }

    async fn restart_the_forge(&self, restarts: &mut u64) -> anyhow::Result<Vec<Rung>> {
        loop {
            tokio::time::sleep(FORGE_UP).await;
            self.sandbox.forge.restart(FORGE_DOWN).await?;
            *restarts += 1;
        }
    }

    async fn strike_until_all_is_settled(
        &self,
        fleet: &mut Fleet<'_>,
        course: &mut Course,
    ) -> anyhow::Result<Vec<Rung>> {
        let environment = self.faulty.publisher_environment();
        let mut publishing = std::pin::pin!(publisher::publish(self.sandbox, self.jobs, &environment, Duration::ZERO));
        let mut rung: Option<Vec<Rung>> = None;
        let mut dice = Dice::of(self.seed, "blows", 0);
        let deadline = Instant::now() + self.arguments.limit;
        let mut blows = interval(self.arguments.kill_every);
        blows.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut looked = Instant::now();
        loop {
            tokio::select! {
                heard = &mut publishing, if rung.is_none() => rung = Some(heard?),
                _ = blows.tick() => {
                    fleet.tend()?;
                    fleet.strike(&mut dice).await?;
                }
            }
            let Some(rung) = rung.as_ref().filter(|_| looked.elapsed() >= LOOK) else { continue };
            let rows = self.sandbox.jobs().await?;
            let settled = rows.iter().filter(|job| job.is_settled()).count();
            eprintln!("{} of {} jobs are settled", settled, self.jobs.len());
            if settled == self.jobs.len() || Instant::now() > deadline {
                return Ok(rung.clone());
            }
            if let Some(by) = time::until_next(&rows, Timestamp::now()) {
                eprintln!("little but waiting is left: {} s go by", by.as_secs());
                time::set_forward(by, self.sandbox, self.faulty, fleet).await?;
                course.time_jumps += 1;
            }
            course.redriven += self.sandbox.world.redrive().await?;
            looked = Instant::now();
        }
    }
}
