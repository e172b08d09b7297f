//! The invariant report: what became of the jobs by the state outside the worker.
//!
//! It uses CodeBuild's builds by their job id, and the forge's flags with their history. Of the ledger it uses only
//! whether a row is settled.
use std::collections::{BTreeMap, HashMap, HashSet};

use doorbell_messages::RunnerExit;

use super::plan::{JobPlan, PlannedOutcome};
use super::publisher::PublishedJob;
use crate::codebuild::BuildSnapshot;
use crate::forge::{FlagPost, FlagStatus};
use crate::job::Job;
use crate::sandbox::Sandbox;

/// The observed state of one job.
#[derive(Debug, Clone)]
pub(super) struct ObservedJob {
    pub(super) key: String,
    pub(super) outcome: PlannedOutcome,
    pub(super) settled: bool,
    /// The ledger's state, for the report.
    pub(super) ledger_state: String,
    /// The job's builds, oldest first.
    pub(super) builds: Vec<BuildSnapshot>,
    /// The history of all flags on its commit, by uid; each job of the series has one flag.
    pub(super) flag_history: BTreeMap<String, Vec<FlagStatus>>,
}

/// How many jobs violate an invariant.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct InvariantReport {
    pub(super) builds: usize,
    /// Builds and flags beyond one per job.
    pub(super) duplicates: usize,
    /// Jobs without a build, a final status or a flag.
    pub(super) lost: usize,
    /// Jobs whose flag does not show their build's result.
    pub(super) wrong_final: usize,
    /// Jobs whose flag showed an earlier status after a later one.
    pub(super) backwards: usize,
    /// The violations, job by job.
    pub(super) violations: Vec<String>,
}

impl InvariantReport {
    pub(super) fn from_jobs(all: &[ObservedJob]) -> Self {
        let mut report = Self::default();
        for job in all {
            report.check_job(job);
        }
        report
    }

    fn check_job(&mut self, job: &ObservedJob) {
        self.builds += job.builds.len();
        let allowed = usize::from(job.outcome != PlannedOutcome::Rejected);
        // The repeat of a rejected request is a job of its own, with a flag of its own.
        let flags = if job.outcome == PlannedOutcome::Rejected { 1 } else { job.flag_history.len() };
        let too_many = job.builds.len().saturating_sub(allowed) + flags.saturating_sub(1);
        if too_many > 0 {
            self.duplicates += too_many;
            self.add_violation(job, "has more than one build or flag");
        }
        for shown in job.flag_history.values() {
            if shown.windows(2).any(|pair| is_regression(pair[0], pair[1])) {
                self.backwards += 1;
                self.add_violation(job, "regressed");
            }
        }
        let mut last_flags = job.flag_history.values().filter_map(|shown| shown.last());
        let first = last_flags.next().copied();
        // One that shows something else counts as what the commit shows.
        let last = last_flags.copied().find(|last| Some(*last) != expected_status(job)).or(first);
        match (expected_status(job), last) {
            (Some(expected), Some(last)) if job.settled && last != FlagStatus::Pending => {
                if last != expected {
                    self.wrong_final += 1;
                    self.add_violation(job, &format!("should show {}", expected.as_str()));
                }
            }
            _ => {
                self.lost += 1;
                self.add_violation(job, "is lost");
            }
        }
    }

    fn add_violation(&mut self, job: &ObservedJob, what: &str) {
        let statuses: Vec<&str> = job.builds.iter().map(|build| build.status.as_str()).collect();
        let shown: Vec<Vec<&str>> =
            job.flag_history.values().map(|shown| shown.iter().map(|status| status.as_str()).collect()).collect();
        self.violations.push(format!(
            "{} {what}: planned {:?}, builds {statuses:?}, flags {shown:?}, {}",
            job.key, job.outcome, job.ledger_state
        ));
    }
}

/// The status that the job's flag must show; `None` if its build is missing or not complete.
fn expected_status(job: &ObservedJob) -> Option<FlagStatus> {
    if job.outcome == PlannedOutcome::Rejected {
        return Some(FlagStatus::Error);
    }
    let build = job.builds.first()?;
    build.ended?;
    match (build.status.as_str(), exit_code(build)) {
        ("SUCCEEDED", _) => Some(FlagStatus::Success),
        ("STOPPED", _) => Some(FlagStatus::Canceled),
        ("FAILED", Some(code)) if !RunnerExit::RESERVED.contains(&code) => Some(FlagStatus::Failure),
        _ => Some(FlagStatus::Error),
    }
}

fn exit_code(build: &BuildSnapshot) -> Option<u8> {
    build.failure.as_ref()?.rsplit_once("exit status ")?.1.trim().parse().ok()
}

/// Whether a status regresses: a final status is never followed by another one, nor by "pending".
fn is_regression(before: FlagStatus, after: FlagStatus) -> bool {
    before != FlagStatus::Pending && after != before
}

/// Observes the jobs at CodeBuild, the forge and the ledger.
pub(super) async fn observe_jobs(
    sandbox: &Sandbox,
    jobs: &[JobPlan],
    published: &[PublishedJob],
) -> anyhow::Result<Vec<ObservedJob>> {
    let rows = sandbox.jobs().await?;
    let rows: HashMap<&str, &Job> = rows.iter().map(|job| (job.key(), job)).collect();
    let mut builds: HashMap<String, Vec<BuildSnapshot>> = HashMap::new();
    for build in sandbox.codebuild.controls.builds() {
        // `<deployment>:<key>`
        let key = build.job_id.as_deref().and_then(|id| id.split_once(':')).map(|(_, key)| key.to_owned());
        builds.entry(key.as_deref().map(series_of).unwrap_or_default()).or_default().push(build);
    }
    let mut shown: HashMap<String, BTreeMap<String, Vec<FlagStatus>>> = HashMap::new();
    for FlagPost { flag, .. } in sandbox.forge.flag_posts() {
        shown.entry(flag.commit).or_default().entry(flag.uid).or_default().push(flag.status);
    }
    let observe = |(job, published): (&JobPlan, &PublishedJob)| ObservedJob {
        outcome: job.outcome,
        settled: rows.contains_key(published.key.as_str())
            && rows.iter().filter(|(key, _)| series_of(key) == published.key).all(|(_, job)| job.is_settled()),
        ledger_state: rows.get(published.key.as_str()).map_or_else(|| "no row".to_owned(), |job| ledger_state(job)),
        builds: builds.remove(&published.key).unwrap_or_default(),
        flag_history: shown.remove(job.commit.as_str()).unwrap_or_default(),
        key: published.key.clone(),
    };
    Ok(jobs.iter().zip(published).map(observe).collect())
}

/// How many published jobs are settled, with the later jobs of their series.
///
/// Rows are not counted: the repeat of a refused request is a row more, and stands for no other job.
pub(super) fn settled_count(published: &[PublishedJob], rows: &[Job]) -> usize {
    let known: HashSet<&str> = rows.iter().map(Job::key).collect();
    let open: HashSet<String> = rows.iter().filter(|job| !job.is_settled()).map(|job| series_of(job.key())).collect();
    published.iter().filter(|job| known.contains(job.key.as_str()) && !open.contains(&job.key)).count()
}

/// The series of a job's key: later jobs of it count as the same planned job.
fn series_of(key: &str) -> String {
    key.split('~').next().unwrap_or_default().to_owned()
}

fn ledger_state(job: &Job) -> String {
    let settled = if job.is_settled() { "settled" } else { "not settled" };
    let crash_score = job.json()["crash_score"].as_u64().unwrap_or_default();
    // The last one may say only that the end was reported.
    let trail = job.trail();
    let latest = trail[trail.len().saturating_sub(3)..].join("; ");
    format!("{settled}, {} crash score {crash_score}: {latest}", job.phase())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const PENDING: FlagStatus = FlagStatus::Pending;
    const SUCCESS: FlagStatus = FlagStatus::Success;

    fn build(status: &str, failure: Option<&str>) -> BuildSnapshot {
        BuildSnapshot {
            id: "doorbell-build:1".to_owned(),
            project: "doorbell-build".to_owned(),
            job_id: None,
            status: status.to_owned(),
            initiator: String::new(),
            number: 1,
            phase: "COMPLETED".to_owned(),
            failure: failure.map(str::to_owned),
            started: Timestamp::UNIX_EPOCH,
            ended: (status != "IN_PROGRESS").then_some(Timestamp::UNIX_EPOCH),
        }
    }

    fn valid_job() -> ObservedJob {
        ObservedJob {
            key: "storm#a#b".to_owned(),
            outcome: PlannedOutcome::Success,
            settled: true,
            ledger_state: "settled".to_owned(),
            builds: vec![build("SUCCEEDED", None)],
            flag_history: BTreeMap::from([("uid".to_owned(), vec![PENDING, PENDING, SUCCESS, SUCCESS])]),
        }
    }

    /// duplicates, lost, wrong_final, backwards
    fn check(change: impl FnOnce(&mut ObservedJob), expected: [usize; 4]) {
        let mut job = valid_job();
        change(&mut job);
        let report = InvariantReport::from_jobs(&[job]);
        let found = [report.duplicates, report.lost, report.wrong_final, report.backwards];
        assert_eq!(found, expected, "{:?}", report.violations);
        assert_eq!(report.violations.is_empty(), expected == [0; 4]);
    }

    fn set_history(job: &mut ObservedJob, statuses: &[FlagStatus]) {
        job.flag_history = BTreeMap::from([("uid".to_owned(), statuses.to_vec())]);
    }

    #[test]
    fn job_with_one_build_and_correct_flag_violates_nothing() {
        check(|_| (), [0; 4]);
    }

    #[test]
    fn second_build_or_flag_counts_as_duplicate() {
        check(|job| job.builds.push(build("STOPPED", None)), [1, 0, 0, 0]);
        check(|job| drop(job.flag_history.insert("zzz".to_owned(), vec![PENDING, SUCCESS])), [1, 0, 0, 0]);
        let refused_but_built = |job: &mut ObservedJob| {
            job.outcome = PlannedOutcome::Rejected;
            set_history(job, &[FlagStatus::Error]);
        };
        check(refused_but_built, [1, 0, 0, 0]);
    }

    #[test]
    fn job_without_build_end_or_flag_counts_as_lost() {
        check(|job| job.builds.clear(), [0, 1, 0, 0]);
        check(|job| job.builds = vec![build("IN_PROGRESS", None)], [0, 1, 0, 0]);
        check(|job| job.flag_history.clear(), [0, 1, 0, 0]);
        check(|job| set_history(job, &[PENDING]), [0, 1, 0, 0]);
        check(|job| job.settled = false, [0, 1, 0, 0]);
    }

    #[test]
    fn flag_that_contradicts_build_counts_as_wrong_final() {
        let failed = |job: &mut ObservedJob| job.builds = vec![build("FAILED", Some("Reason: exit status 3"))];
        check(failed, [0, 0, 1, 0]);
        let check_status = |build: BuildSnapshot, flag: FlagStatus| {
            check(
                |job| {
                    job.builds = vec![build];
                    set_history(job, &[flag]);
                },
                [0; 4],
            );
        };
        check_status(build("FAILED", Some("Reason: exit status 3")), FlagStatus::Failure);
        check_status(build("FAILED", Some("Reason: exit status 241")), FlagStatus::Error);
        check_status(build("FAULT", None), FlagStatus::Error);
        check_status(build("STOPPED", None), FlagStatus::Canceled);
    }

    #[test]
    fn status_change_after_final_counts_as_backwards() {
        check(|job| set_history(job, &[PENDING, SUCCESS, PENDING, SUCCESS]), [0, 0, 0, 1]);
        check(|job| set_history(job, &[FlagStatus::Error, SUCCESS]), [0, 0, 0, 1]);
        check(|job| set_history(job, &[SUCCESS, PENDING]), [0, 1, 0, 1]);
    }

    #[test]
    fn job_is_settled_with_its_whole_series() {
        let published =
            ["storm#a#b", "storm#c#d"].map(|key| PublishedJob { key: key.to_owned(), at: Timestamp::UNIX_EPOCH });
        let row = |key: &str, settled_at: Option<u64>| {
            let row = serde_json::json!({"key": key, "settled_at": settled_at});
            Job::from_item(&serde_json::json!({ "row": row.to_string() }))
        };
        let count = |rows: &[Job]| settled_count(&published, rows);
        assert_eq!(count(&[row("storm#a#b", Some(1)), row("storm#a#b~1", Some(1))]), 1, "two rows of one request");
        assert_eq!(count(&[row("storm#a#b", Some(1)), row("storm#a#b~1", None), row("storm#c#d", Some(1))]), 1);
        assert_eq!(count(&[row("storm#a#b", Some(1)), row("storm#a#b~1", Some(1)), row("storm#c#d", Some(1))]), 2);
    }
}
