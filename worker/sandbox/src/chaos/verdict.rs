//! What became of the jobs, as the world shows it: CodeBuild's builds by their job's id, the forge's flags with all
//! they ever showed, and of the ledger no more than whether anybody still has to look at a row.
use std::collections::{BTreeMap, HashMap};

use doorbell_messages::RunnerExit;

use super::plan::{Kind, Planned};
use super::publisher::Rung;
use crate::codebuild::BuildView;
use crate::forge::{FlagPost, FlagStatus};
use crate::job::Job;
use crate::sandbox::Sandbox;

/// What the world shows of one job.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    pub(super) key: String,
    pub(super) kind: Kind,
    pub(super) settled: bool,
    /// Where the ledger has it, for people.
    pub(super) stands: String,
    /// Oldest first.
    pub(super) builds: Vec<BuildView>,
    /// All that its commit's flags have shown, by uid; a job has one.
    pub(super) shown: BTreeMap<String, Vec<FlagStatus>>,
}

/// How many jobs are not as they must be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) builds: usize,
    /// Builds and flags beyond a job's one.
    pub(super) duplicates: usize,
    /// Jobs without their build, their end or their flag.
    pub(super) lost: usize,
    /// Jobs whose flag does not show how their build ended.
    pub(super) wrong_final: usize,
    /// Jobs whose flag has shown an earlier status after a later one.
    pub(super) backwards: usize,
    /// What is wrong, job by job.
    pub(super) notes: Vec<String>,
}

impl Verdict {
    pub(super) fn of(all: &[Evidence]) -> Self {
        let mut verdict = Self::default();
        for evidence in all {
            verdict.add(evidence);
        }
        verdict
    }

    fn add(&mut self, evidence: &Evidence) {
        self.builds += evidence.builds.len();
        let allowed = usize::from(evidence.kind != Kind::Refused);
        let too_many = evidence.builds.len().saturating_sub(allowed) + evidence.shown.len().saturating_sub(1);
        if too_many > 0 {
            self.duplicates += too_many;
            self.note(evidence, "has more than its one build and flag");
        }
        for shown in evidence.shown.values() {
            if shown.windows(2).any(|pair| is_backwards(pair[0], pair[1])) {
                self.backwards += 1;
                self.note(evidence, "went backwards");
            }
        }
        let last = evidence.shown.values().filter_map(|shown| shown.last()).next().copied();
        match (truth(evidence), last) {
            (Some(truth), Some(last)) if evidence.settled && last != FlagStatus::Pending => {
                if last != truth {
                    self.wrong_final += 1;
                    self.note(evidence, &format!("should show {}", truth.as_str()));
                }
            }
            _ => {
                self.lost += 1;
                self.note(evidence, "is lost");
            }
        }
    }

    fn note(&mut self, evidence: &Evidence, what: &str) {
        let statuses: Vec<&str> = evidence.builds.iter().map(|build| build.status.as_str()).collect();
        let shown: Vec<Vec<&str>> =
            evidence.shown.values().map(|shown| shown.iter().map(|status| status.as_str()).collect()).collect();
        self.notes.push(format!(
            "{} {what}: {:?}, builds {statuses:?}, flags {shown:?}, {}",
            evidence.key, evidence.kind, evidence.stands
        ));
    }
}

/// How the job really ended; none if that is not known, because it has no build, or one that has not ended.
fn truth(evidence: &Evidence) -> Option<FlagStatus> {
    if evidence.kind == Kind::Refused {
        return Some(FlagStatus::Error);
    }
    let build = evidence.builds.first()?;
    build.ended?;
    match (build.status.as_str(), exit_code(build)) {
        ("SUCCEEDED", _) => Some(FlagStatus::Success),
        ("STOPPED", _) => Some(FlagStatus::Canceled),
        ("FAILED", Some(code)) if !RunnerExit::RESERVED.contains(&code) => Some(FlagStatus::Failure),
        _ => Some(FlagStatus::Error),
    }
}

fn exit_code(build: &BuildView) -> Option<u8> {
    build.failure.as_ref()?.rsplit_once("exit status ")?.1.trim().parse().ok()
}

/// A final status is never followed by another one, nor by "pending".
fn is_backwards(before: FlagStatus, after: FlagStatus) -> bool {
    before != FlagStatus::Pending && after != before
}

/// Asks the world.
pub(super) async fn evidence(sandbox: &Sandbox, jobs: &[Planned], rung: &[Rung]) -> anyhow::Result<Vec<Evidence>> {
    let rows = sandbox.jobs().await?;
    let rows: HashMap<&str, &Job> = rows.iter().map(|job| (job.key(), job)).collect();
    let mut builds: HashMap<String, Vec<BuildView>> = HashMap::new();
    for build in sandbox.codebuild.controls.builds() {
        // `<deployment>:<key>`
        let key = build.job_id.as_deref().and_then(|id| id.split_once(':')).map(|(_, key)| key.to_owned());
        builds.entry(key.unwrap_or_default()).or_default().push(build);
    }
    let mut shown: HashMap<String, BTreeMap<String, Vec<FlagStatus>>> = HashMap::new();
    for FlagPost { flag, .. } in sandbox.forge.flag_posts() {
        shown.entry(flag.commit).or_default().entry(flag.uid).or_default().push(flag.status);
    }
    let one = |(job, rung): (&Planned, &Rung)| Evidence {
        kind: job.kind,
        settled: rows.get(rung.key.as_str()).is_some_and(|job| job.is_settled()),
        stands: rows.get(rung.key.as_str()).map_or_else(|| "no row".to_owned(), |job| stands(job)),
        builds: builds.remove(&rung.key).unwrap_or_default(),
        shown: shown.remove(job.commit.as_str()).unwrap_or_default(),
        key: rung.key.clone(),
    };
    Ok(jobs.iter().zip(rung).map(one).collect())
}

fn stands(job: &Job) -> String {
    let settled = if job.is_settled() { "settled" } else { "not settled" };
    let crash_score = job.json()["crash_score"].as_u64().unwrap_or_default();
    format!("{settled}, {} with crash score {crash_score}: {}", job.phase(), job.trail().last().unwrap_or(&"no word"))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const PENDING: FlagStatus = FlagStatus::Pending;
    const SUCCESS: FlagStatus = FlagStatus::Success;

    fn build(status: &str, failure: Option<&str>) -> BuildView {
        BuildView {
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

    fn good() -> Evidence {
        Evidence {
            key: "storm#a#b".to_owned(),
            kind: Kind::Passes,
            settled: true,
            stands: "settled".to_owned(),
            builds: vec![build("SUCCEEDED", None)],
            shown: BTreeMap::from([("uid".to_owned(), vec![PENDING, PENDING, SUCCESS, SUCCESS])]),
        }
    }

    /// duplicates, lost, wrong_final, backwards
    fn check(change: impl FnOnce(&mut Evidence), expected: [usize; 4]) {
        let mut evidence = good();
        change(&mut evidence);
        let verdict = Verdict::of(&[evidence]);
        let found = [verdict.duplicates, verdict.lost, verdict.wrong_final, verdict.backwards];
        assert_eq!(found, expected, "{:?}", verdict.notes);
        assert_eq!(verdict.notes.is_empty(), expected == [0; 4]);
    }

    fn shown(evidence: &mut Evidence, statuses: &[FlagStatus]) {
        evidence.shown = BTreeMap::from([("uid".to_owned(), statuses.to_vec())]);
    }

    #[test]
    fn a_job_with_one_build_and_its_true_flag_is_as_it_must_be() {
        check(|_| (), [0; 4]);
    }

    #[test]
    fn a_second_build_or_flag_is_a_duplicate() {
        check(|job| job.builds.push(build("STOPPED", None)), [1, 0, 0, 0]);
        check(|job| drop(job.shown.insert("zzz".to_owned(), vec![PENDING, SUCCESS])), [1, 0, 0, 0]);
        let refused_but_built = |job: &mut Evidence| {
            job.kind = Kind::Refused;
            shown(job, &[FlagStatus::Error]);
        };
        check(refused_but_built, [1, 0, 0, 0]);
    }

    #[test]
    fn a_job_without_a_build_an_end_or_a_flag_is_lost() {
        check(|job| job.builds.clear(), [0, 1, 0, 0]);
        check(|job| job.builds = vec![build("IN_PROGRESS", None)], [0, 1, 0, 0]);
        check(|job| job.shown.clear(), [0, 1, 0, 0]);
        check(|job| shown(job, &[PENDING]), [0, 1, 0, 0]);
        check(|job| job.settled = false, [0, 1, 0, 0]);
    }

    #[test]
    fn a_flag_that_shows_another_end_than_the_builds_is_wrong() {
        let failed = |job: &mut Evidence| job.builds = vec![build("FAILED", Some("Reason: exit status 3"))];
        check(failed, [0, 0, 1, 0]);
        let check_truth = |build: BuildView, flag: FlagStatus| {
            check(
                |job| {
                    job.builds = vec![build];
                    shown(job, &[flag]);
                },
                [0; 4],
            );
        };
        check_truth(build("FAILED", Some("Reason: exit status 3")), FlagStatus::Failure);
        check_truth(build("FAILED", Some("Reason: exit status 241")), FlagStatus::Error);
        check_truth(build("FAULT", None), FlagStatus::Error);
        check_truth(build("STOPPED", None), FlagStatus::Canceled);
    }

    #[test]
    fn a_status_that_comes_after_its_end_is_backwards() {
        check(|job| shown(job, &[PENDING, SUCCESS, PENDING, SUCCESS]), [0, 0, 0, 1]);
        check(|job| shown(job, &[FlagStatus::Error, SUCCESS]), [0, 0, 0, 1]);
        check(|job| shown(job, &[SUCCESS, PENDING]), [0, 1, 0, 1]);
    }
}
