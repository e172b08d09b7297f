//! The workers of a storm: disrupted, and replaced as ECS replaces a task.
use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use crate::process_stats::ProcessStats;
use crate::sandbox::Sandbox;
use crate::seeded_rng::SeededRng;
use crate::worker_process::WorkerProcess;

/// How a worker is disrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Disruption {
    Kill,
    Terminate,
    Pause(Duration),
}

/// Short pauses end within a call, long ones exceed the ten seconds within which a claimed send must be made.
const PAUSE_WEIGHTS: [(u64, Disruption); 3] = [
    (6, Disruption::Pause(Duration::from_millis(500))),
    (3, Disruption::Pause(Duration::from_secs(3))),
    (1, Disruption::Pause(Duration::from_secs(14))),
];

/// How often each kind of disruption happened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct DisruptionCounts {
    pub(super) kill: u64,
    pub(super) term: u64,
    pub(super) stop: u64,
}

impl DisruptionCounts {
    pub(super) fn total(self) -> u64 {
        self.kill + self.term + self.stop
    }
}

#[derive(Debug)]
struct FleetWorker {
    process: WorkerProcess,
    /// When it resumes, if it is paused.
    resume_at: Option<Instant>,
}

/// A fixed number of supervised workers.
#[derive(Debug)]
pub(super) struct WorkerFleet<'a> {
    sandbox: &'a Sandbox,
    environment: Vec<(&'static str, String)>,
    workers: Vec<FleetWorker>,
    /// Workers that received SIGTERM and still run.
    stopping: Vec<WorkerProcess>,
    pub(super) disruptions: DisruptionCounts,
    /// Workers that exited without a signal: a worker that cannot start logs why and exits.
    pub(super) unexpected_exits: u64,
    peak_megabytes: f64,
}

impl<'a> WorkerFleet<'a> {
    pub(super) fn start(
        sandbox: &'a Sandbox,
        environment: Vec<(&'static str, String)>,
        workers: u8,
    ) -> anyhow::Result<Self> {
        let mut fleet = Self {
            sandbox,
            environment,
            workers: Vec::new(),
            stopping: Vec::new(),
            disruptions: DisruptionCounts::default(),
            unexpected_exits: 0,
            peak_megabytes: 0.0,
        };
        fleet.start_up_to(usize::from(workers))?;
        Ok(fleet)
    }

    /// Starts workers until there are `count`.
    pub(super) fn start_up_to(&mut self, workers: usize) -> anyhow::Result<()> {
        while self.workers.len() < workers {
            let process = self.launch()?;
            self.workers.push(FleetWorker { process, resume_at: None });
        }
        Ok(())
    }

    fn launch(&self) -> anyhow::Result<WorkerProcess> {
        let environment: Vec<_> = self.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.sandbox.launch_worker(&environment)
    }

    /// Replaces exited workers and resumes those whose pause is over.
    pub(super) fn supervise(&mut self) -> anyhow::Result<()> {
        let now = Instant::now();
        for index in 0..self.workers.len() {
            if self.workers[index].process.exit_status()?.is_some() {
                self.unexpected_exits += 1;
                self.workers[index] = FleetWorker { process: self.launch()?, resume_at: None };
            }
            let member = &mut self.workers[index];
            if member.resume_at.is_some_and(|at| at <= now) {
                member.process.signal(Signal::CONT)?;
                member.resume_at = None;
            }
        }
        let mut remaining = Vec::new();
        for mut process in self.stopping.drain(..) {
            if process.exit_status()?.is_none() {
                remaining.push(process);
            }
        }
        self.stopping = remaining;
        self.record_peak_memory();
        Ok(())
    }

    /// Disrupts a random worker.
    pub(super) async fn disrupt(&mut self, rng: &mut SeededRng) -> anyhow::Result<()> {
        let index = usize::try_from(rng.below(self.workers.len() as u64))?;
        let pause = rng.weighted(&PAUSE_WEIGHTS).unwrap_or(Disruption::Kill);
        let disruption =
            rng.weighted(&[(6, Disruption::Kill), (2, Disruption::Terminate), (2, pause)]).unwrap_or(Disruption::Kill);
        if self.workers[index].process.exit_status()?.is_some() {
            return Ok(());
        }
        self.record_peak_memory();
        match disruption {
            Disruption::Pause(time) => {
                self.disruptions.stop += 1;
                self.workers[index].process.signal(Signal::STOP)?;
                self.workers[index].resume_at = Some(Instant::now() + time);
            }
            Disruption::Kill => {
                self.disruptions.kill += 1;
                self.replace(index)?.kill().await?;
            }
            Disruption::Terminate => {
                self.disruptions.term += 1;
                let replaced = self.replace(index)?;
                // A paused process does not handle SIGTERM.
                replaced.signal(Signal::CONT)?;
                replaced.signal(Signal::TERM)?;
                self.stopping.push(replaced);
            }
        }
        Ok(())
    }

    fn replace(&mut self, index: usize) -> anyhow::Result<WorkerProcess> {
        let replacement = FleetWorker { process: self.launch()?, resume_at: None };
        Ok(std::mem::replace(&mut self.workers[index], replacement).process)
    }

    /// Kills all workers and returns how many there were.
    pub(super) async fn kill_all(&mut self) -> anyhow::Result<usize> {
        self.record_peak_memory();
        let count = self.workers.len();
        for process in self.workers.drain(..).map(|member| member.process).chain(self.stopping.drain(..)) {
            process.kill().await?;
        }
        Ok(count)
    }

    /// The largest peak memory of a worker, in megabytes.
    pub(super) fn peak_megabytes(&self) -> f64 {
        self.peak_megabytes
    }

    /// Records peak memory; of a process that has just exited the last measurement counts.
    fn record_peak_memory(&mut self) {
        let pids = self.workers.iter().filter_map(|member| member.process.pid());
        let peaks = pids.filter_map(|pid| ProcessStats::read(pid).ok()).map(|stats| stats.peak_megabytes());
        self.peak_megabytes = peaks.fold(self.peak_megabytes, f64::max);
    }
}
