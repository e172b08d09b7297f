//! Workers that are struck down, and replaced as ECS replaces a task.
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use crate::dice::Dice;
use crate::footprint::Footprint;
use crate::sandbox::Sandbox;
use crate::worker_process::WorkerProcess;

/// What strikes a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blow {
    Kill,
    Terminate,
    Pause(Duration),
}

/// Short ones fall into the middle of a call, long ones are past the ten seconds within which a claimed send is made.
const PAUSES: [(u64, Blow); 3] = [
    (6, Blow::Pause(Duration::from_millis(500))),
    (3, Blow::Pause(Duration::from_secs(3))),
    (1, Blow::Pause(Duration::from_secs(14))),
];

/// How often each blow fell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Blows {
    pub(super) kill: u64,
    pub(super) term: u64,
    pub(super) stop: u64,
}

impl Blows {
    pub(super) fn sum(self) -> u64 {
        self.kill + self.term + self.stop
    }
}

#[derive(Debug)]
struct Member {
    process: WorkerProcess,
    /// When it goes on, if it was paused.
    goes_on: Option<Instant>,
}

/// A number of workers, kept up.
#[derive(Debug)]
pub(super) struct Fleet<'a> {
    sandbox: &'a Sandbox,
    environment: Vec<(&'static str, String)>,
    members: Vec<Member>,
    /// Told to stop, and not gone yet.
    leaving: Vec<WorkerProcess>,
    pub(super) blows: Blows,
    /// Ended by themselves: a worker that can't start says so and exits.
    pub(super) own_ends: u64,
    peak_megabytes: f64,
}

impl<'a> Fleet<'a> {
    pub(super) fn start(
        sandbox: &'a Sandbox,
        environment: Vec<(&'static str, String)>,
        workers: u8,
    ) -> anyhow::Result<Self> {
        let mut fleet = Self {
            sandbox,
            environment,
            members: Vec::new(),
            leaving: Vec::new(),
            blows: Blows::default(),
            own_ends: 0,
            peak_megabytes: 0.0,
        };
        fleet.fill(usize::from(workers))?;
        Ok(fleet)
    }

    /// Starts workers until there are so many.
    pub(super) fn fill(&mut self, workers: usize) -> anyhow::Result<()> {
        while self.members.len() < workers {
            let process = self.launch()?;
            self.members.push(Member { process, goes_on: None });
        }
        Ok(())
    }

    fn launch(&self) -> anyhow::Result<WorkerProcess> {
        let environment: Vec<_> = self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.sandbox.launch_worker(&environment)
    }

    /// Replaces those that have ended, and wakes those whose pause is over.
    pub(super) fn tend(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        for index in 0..self.members.len() {
            if self.members[index].process.ended()?.is_some() {
                self.own_ends += 1;
                self.members[index] = Member { process: self.launch()?, goes_on: None };
            }
            let member = &mut self.members[index];
            if member.goes_on.is_some_and(|at| at <= now) {
                member.process.signal(Signal::CONT)?;
                member.goes_on = None;
            }
        }
        let mut still = Vec::new();
        for mut process in self.leaving.drain(..) {
            if process.ended()?.is_none() {
                still.push(process);
            }
        }
        self.leaving = still;
        self.weigh();
        Ok(())
    }

    /// Strikes one of them, wherever it stands.
    pub(super) async fn strike(&mut self, dice: &mut Dice) -> anyhow::Result<()> {
        let victim = usize::try_from(dice.below(self.members.len() as u64))?;
        let pause = dice.weighted(&PAUSES).unwrap_or(Blow::Kill);
        let blow = dice.weighted(&[(6, Blow::Kill), (2, Blow::Terminate), (2, pause)]).unwrap_or(Blow::Kill);
        if self.members[victim].process.ended()?.is_some() {
            return Ok(());
        }
        self.weigh();
        match blow {
            Blow::Pause(time) => {
                self.blows.stop += 1;
                self.members[victim].process.signal(Signal::STOP)?;
                self.members[victim].goes_on = Some(Instant::now() + time);
            }
            Blow::Kill => {
                self.blows.kill += 1;
                self.replace(victim)?.kill().await?;
            }
            Blow::Terminate => {
                self.blows.term += 1;
                let old = self.replace(victim)?;
                // Paused, it would not hear it.
                old.signal(Signal::CONT)?;
                old.signal(Signal::TERM)?;
                self.leaving.push(old);
            }
        }
        Ok(())
    }

    fn replace(&mut self, victim: usize) -> anyhow::Result<WorkerProcess> {
        let fresh = Member { process: self.launch()?, goes_on: None };
        Ok(std::mem::replace(&mut self.members[victim], fresh).process)
    }

    /// Kills all of them; answers how many there were.
    pub(super) async fn kill_all(&mut self) -> anyhow::Result<usize> {
        self.weigh();
        let count = self.members.len();
        for process in self.members.drain(..).map(|member| member.process).chain(self.leaving.drain(..)) {
            process.kill().await?;
        }
        Ok(count)
    }

    /// The most that one of them has weighed, in megabytes.
    pub(super) fn peak_megabytes(&self) -> f64 {
        self.peak_megabytes
    }

    /// A process that has just gone has no weight: its last one was seen before.
    fn weigh(&mut self) {
        let pids = self.members.iter().filter_map(|member| member.process.pid());
        let weights = pids.filter_map(|pid| Footprint::of(pid).ok()).map(|footprint| footprint.peak_megabytes());
        self.peak_megabytes = weights.fold(self.peak_megabytes, f64::max);
    }
}
