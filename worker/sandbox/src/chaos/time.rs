//! Time that is not waited for. Some rules wait for minutes; when little but waiting is left, all clocks that matter are
//! set forward together: the rows' and CodeBuild's.
use std::time::Duration;

use jiff::Timestamp;

use super::faulty::Faulty;
use super::fleet::Fleet;
use crate::job::Job;
use crate::sandbox::Sandbox;

/// What is due sooner is waited for.
const WORTH_IT: Duration = Duration::from_secs(8);

/// After this long without an answer to a start, "no such build" is believed (the engine's rule: 16 minutes).
const BELIEVED: Duration = Duration::from_secs(17 * 60);

/// A start whose token is no longer repeated: until it is believed that there is no build, looks come every 30 s.
const LOOKED_FOR: Duration = Duration::from_secs(4 * 60);

/// How far time is set forward, if most of what is left only waits: to what is due next among that. What is due
/// already grows older by as much, as if all workers had been away.
pub(super) fn until_next(jobs: &[Job], now: Timestamp) -> Option<Duration> {
    let open: Vec<&Job> = jobs.iter().filter(|job| !job.is_settled()).collect();
    let waiting: Vec<(&Job, Duration)> =
        open.iter().filter_map(|job| Some((*job, wait_of(job, now)?))).filter(|(_, wait)| *wait >= WORTH_IT).collect();
    if waiting.len() * 2 <= open.len() {
        return None;
    }
    let others = waiting.iter().filter(|(job, _)| !is_looked_for(job, now));
    Some(others.map(|(_, wait)| *wait + Duration::from_secs(1)).min().unwrap_or(BELIEVED))
}

fn is_looked_for(job: &Job, now: Timestamp) -> bool {
    let first = job.json()["phase"]["first_sent_at"].as_i64();
    let age = first.map(|first| Duration::from_millis(u64::try_from(now.as_millisecond() - first).unwrap_or_default()));
    job.phase() == "starting" && age.is_some_and(|age| age > LOOKED_FOR)
}

fn wait_of(job: &Job, now: Timestamp) -> Option<Duration> {
    let due_at = job.json()["due_at"].as_i64()?;
    Some(Duration::from_millis(u64::try_from(due_at - now.as_millisecond()).unwrap_or_default()))
}

/// Sets time forward. No worker lives meanwhile, and nothing that one has sent is under way: it would arrive in a
/// later time than it was sent in.
pub(super) async fn set_forward(
    by: Duration,
    sandbox: &Sandbox,
    faulty: &Faulty,
    fleet: &mut Fleet<'_>,
) -> anyhow::Result<()> {
    let workers = fleet.kill_all().await?;
    faulty.until_quiet().await;
    sandbox.codebuild.controls.age_tokens(by);
    sandbox.age_unsettled_jobs(by).await?;
    fleet.fill(workers)
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
        assert_eq!(until_next(jobs, now).map(|by| by.as_secs()), expected);
    }

    #[test]
    fn time_is_set_forward_to_what_is_due_next_among_what_waits() {
        check(&[job("finished", 0, 120), job("running", 0, 40)], Some(41));
        check(&[job("finished", 0, 120), job("running", 0, 40), job("running", 0, -1)], Some(41));
        check(&[job("finished", 0, 120), job("running", 0, 3)], None);
        check(&[job("running", 0, -1)], None);
        check(&[job("starting", 60, 30)], Some(31));
        check(&[], None);
    }

    #[test]
    fn where_only_looks_are_left_it_is_set_forward_until_they_are_believed() {
        check(&[job("starting", 300, 30), job("starting", 500, 20)], Some(17 * 60));
        check(&[job("starting", 300, 30), job("running", 0, 40)], Some(41));
    }
}
