//! Clock jumps instead of waiting.
//!
//! Some rules wait for minutes. When most jobs only wait, the ledger's rows and CodeBuild's tokens are backdated
//! together.
use std::time::Duration;

use jiff::Timestamp;

use super::fleet::WorkerFleet;
use super::proxies::FaultProxies;
use crate::job::Job;
use crate::sandbox::Sandbox;

/// Jobs due sooner are waited for.
const MIN_JUMP: Duration = Duration::from_secs(8);

/// How long after a start of unknown outcome the worker accepts that there is no build (the engine's rule: 16 minutes).
const ABSENCE_CONFIRMED_AFTER: Duration = Duration::from_secs(17 * 60);

/// After this time the worker no longer repeats a start's token: it searches every 30 s until it accepts that there is
/// no build.
const TOKEN_REUSE_WINDOW: Duration = Duration::from_secs(4 * 60);

/// How far to jump, if most open jobs only wait: to the next due time among them.
///
/// Jobs that are already due age by as much, as if all workers had been away.
pub(super) fn time_to_next_due(jobs: &[Job], now: Timestamp) -> Option<Duration> {
    let open: Vec<&Job> = jobs.iter().filter(|job| !job.is_settled()).collect();
    let waiting: Vec<(&Job, Duration)> = open
        .iter()
        .filter_map(|job| Some((*job, time_until_due(job, now)?)))
        .filter(|(_, wait)| *wait >= MIN_JUMP)
        .collect();
    if waiting.len() * 2 <= open.len() {
        return None;
    }
    let not_searching = waiting.iter().filter(|(job, _)| !is_searching(job, now));
    Some(not_searching.map(|(_, wait)| *wait + Duration::from_secs(1)).min().unwrap_or(ABSENCE_CONFIRMED_AFTER))
}

fn is_searching(job: &Job, now: Timestamp) -> bool {
    let first = job.json()["phase"]["first_sent_at"].as_i64();
    let age = first.map(|first| Duration::from_millis(u64::try_from(now.as_millisecond() - first).unwrap_or_default()));
    job.phase() == "starting" && age.is_some_and(|age| age > TOKEN_REUSE_WINDOW)
}

fn time_until_due(job: &Job, now: Timestamp) -> Option<Duration> {
    let due_at = job.json()["due_at"].as_i64()?;
    Some(Duration::from_millis(u64::try_from(due_at - now.as_millisecond()).unwrap_or_default()))
}

/// Jumps forward.
///
/// No worker runs meanwhile, and no call is in flight: it would arrive at a later time than it was sent.
pub(super) async fn jump_forward(
    by: Duration,
    sandbox: &Sandbox,
    proxies: &FaultProxies,
    fleet: &mut WorkerFleet<'_>,
) -> anyhow::Result<()> {
    let workers = fleet.kill_all().await?;
    proxies.wait_until_idle().await;
    sandbox.codebuild.controls.backdate_tokens(by);
    sandbox.backdate_unsettled_jobs(by).await?;
    fleet.start_up_to(workers)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000_000;

    fn job(phase: &str, sent_ago: i64, due_in: i64) -> Job {
        let row = json!({ "phase": { "name": phase, "first_sent_at": NOW - sent_ago * 1000 } });
        Job::from_item(&json!({ "row": row.to_string(), "due_at": NOW + due_in * 1000 }))
    }

    fn check(jobs: &[Job], expected: Option<u64>) {
        let now = Timestamp::from_millisecond(NOW).unwrap();
        assert_eq!(time_to_next_due(jobs, now).map(|by| by.as_secs()), expected);
    }

    #[test]
    fn clock_jump_reaches_the_next_due_waiting_job() {
        check(&[job("finished", 0, 120), job("running", 0, 40)], Some(41));
        check(&[job("finished", 0, 120), job("running", 0, 40), job("running", 0, -1)], Some(41));
        check(&[job("finished", 0, 120), job("running", 0, 3)], None);
        check(&[job("running", 0, -1)], None);
        check(&[job("starting", 60, 30)], Some(31));
        check(&[], None);
    }

    #[test]
    fn clock_jump_with_only_searches_left_reaches_confirmation() {
        check(&[job("starting", 300, 30), job("starting", 500, 20)], Some(17 * 60));
        check(&[job("starting", 300, 30), job("running", 0, 40)], Some(41));
    }
}
