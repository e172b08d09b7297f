//! What the scenarios share: a started candidate at its endpoint, and the figures of an interval.
use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::candidate::{Candidate, CandidateProcess, PeerMode};
use super::measurement::Measurement;
use crate::fast_endpoint::{EndpointSettings, FastEndpoint};
use crate::process_stats::ProcessStats;

/// A program may take this long to its first receive.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// After its first receive a program is left alone for this long: what it loads then is not the jobs' cost.
const WARM_UP: Duration = Duration::from_millis(700);

/// Without a call for this long, a run's work is done.
pub(super) const QUIET: Duration = Duration::from_millis(400);

/// A candidate that polls an endpoint, and the CPU times from which an interval is measured.
#[derive(Debug)]
pub(super) struct CandidateRun {
    pub(super) endpoint: FastEndpoint,
    processes: Vec<CandidateProcess>,
    began: Instant,
    cpu_before: f64,
    endpoint_cpu_before: f64,
}

impl CandidateRun {
    /// Starts an endpoint and `count` processes of the candidate, and waits until they poll.
    ///
    /// # Errors
    /// One of them does not.
    pub(super) async fn start(
        candidate: &Candidate,
        settings: EndpointSettings,
        mode: PeerMode,
        count: usize,
    ) -> anyhow::Result<Self> {
        let endpoint = FastEndpoint::start(settings).await?;
        let mut run =
            Self { endpoint, processes: Vec::new(), began: Instant::now(), cpu_before: 0.0, endpoint_cpu_before: 0.0 };
        for _ in 0..count {
            run.start_process(candidate, mode).await?;
        }
        run.begin_interval().await?;
        Ok(run)
    }

    /// Starts one process more and returns the time to its first receive.
    ///
    /// # Errors
    /// It does not receive.
    pub(super) async fn start_process(&mut self, candidate: &Candidate, mode: PeerMode) -> anyhow::Result<Duration> {
        self.endpoint.reset_counts();
        let process = candidate.start(&self.endpoint, mode)?;
        let spawned = process.spawned;
        self.processes.push(process);
        self.endpoint.wait_until(START_TIMEOUT, |endpoint| endpoint.first_receive().is_some()).await;
        let received = self.endpoint.first_receive().with_context(|| {
            let log = std::fs::read_to_string(self.endpoint.dir().join("candidate.log")).unwrap_or_default();
            format!("no receive within {START_TIMEOUT:?}; the candidate printed:\n{log}")
        })?;
        Ok(received.duration_since(spawned))
    }

    /// Stops all processes, as a crash does.
    pub(super) fn kill_processes(&mut self) {
        self.processes.clear();
    }

    /// Begins the measured interval, with all counts at zero.
    ///
    /// # Errors
    /// A process has ended.
    pub(super) async fn begin_interval(&mut self) -> anyhow::Result<()> {
        tokio::time::sleep(WARM_UP).await;
        self.endpoint.reset_counts();
        self.cpu_before = self.cpu_milliseconds()?;
        self.endpoint_cpu_before = ProcessStats::read(std::process::id())?.cpu_milliseconds();
        self.began = Instant::now();
        Ok(())
    }

    /// When the interval began.
    pub(super) fn began(&self) -> Instant {
        self.began
    }

    fn cpu_milliseconds(&mut self) -> anyhow::Result<f64> {
        let mut total = 0.0;
        for process in &mut self.processes {
            total += process.stats()?.cpu_milliseconds();
        }
        Ok(total)
    }

    /// The interval's figures that every scenario has.
    ///
    /// # Errors
    /// A process has ended.
    pub(super) fn end_interval(&mut self, jobs: usize) -> anyhow::Result<Measurement> {
        let mut figures = Measurement::default();
        let per_job = |value: f64| value / jobs.max(1) as f64;
        let cpu = self.cpu_milliseconds()? - self.cpu_before;
        let endpoint_cpu = ProcessStats::read(std::process::id())?.cpu_milliseconds() - self.endpoint_cpu_before;
        figures.set("cpuMillisecondsPerJob", per_job(cpu));
        figures.set("endpointCpuMillisecondsPerJob", per_job(endpoint_cpu));
        let (mut resident, mut peak) = (0.0_f64, 0.0_f64);
        for process in &mut self.processes {
            let stats = process.stats()?;
            resident = resident.max(stats.resident_megabytes());
            peak = peak.max(stats.peak_megabytes());
        }
        figures.set("residentMegabytes", resident);
        figures.set("peakMegabytes", peak);
        let counts = self.endpoint.counts();
        figures.set("awsCallsPerJob", per_job(counts.aws() as f64));
        for (operation, count) in &counts.calls {
            figures.set(format!("calls.{operation}"), per_job(*count as f64));
        }
        for (writes, rows) in &counts.writes_per_row {
            figures.set(format!("rowsWritten.{writes:02}"), *rows as f64);
        }
        let verdict = self.endpoint.verdict(jobs);
        figures.set("notStarted", (jobs - verdict.started) as f64);
        figures.set("duplicateBuilds", (verdict.duplicates + verdict.strays) as f64);
        figures.set("backwardFlags", verdict.backward_flags as f64);
        figures.set("deadLetters", verdict.dead_letters as f64);
        Ok(figures)
    }

    /// Seconds from the interval's beginning to the start of the last build.
    pub(super) fn seconds_to_last_start(&self, jobs: usize) -> f64 {
        let last = self.endpoint.starts(jobs).into_iter().flatten().max();
        last.map_or(0.0, |last| last.duration_since(self.began).as_secs_f64())
    }
}
