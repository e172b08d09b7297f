//! What must be so of jobs of one ref, by the provider's record of when their commands ran. The ledger is not asked.

use std::collections::BTreeSet;

use doorbell_engine::domain::{BuildOutcome, BuildState, CommandRan, Phase, ProviderBuild, Row};

use crate::fakes::{CommandInterval, lock};
use crate::harness::{Simulation, installation};

/// The commands of jobs whose row is as asked, by their start.
pub fn intervals(simulation: &Simulation, is_asked: impl Fn(&Row) -> bool) -> Vec<CommandInterval> {
    let rows = simulation.rows();
    let provider = lock(&simulation.services.provider);
    let builds = provider.builds(simulation.services.now());
    let mut intervals: Vec<CommandInterval> = rows
        .iter()
        .filter(|row| is_asked(row))
        .flat_map(|row| {
            let job_id = installation().job_id(&row.key);
            let own = builds.iter().filter(move |build| build.is_own && build.job_id.as_ref() == Some(&job_id));
            let own = own.filter(|build| !provider.is_older(&build.id) && !ended_before_its_command(build));
            own.filter_map(|build| {
                Some(CommandInterval {
                    from: build.started_at?,
                    to: build.ended_at.unwrap_or_else(|| simulation.services.now()),
                    commit: row.request.commit.as_ref()?.to_string(),
                })
            })
        })
        .collect();
    intervals.sort();
    intervals
}

/// The commits on which commands ran, in order.
pub fn commits_run(simulation: &Simulation) -> Vec<String> {
    intervals(simulation, |_| true).into_iter().map(|interval| interval.commit).collect()
}

/// Checks a project's refs: no two commands at once, and with `newest` none on an older commit than before.
///
/// Exempt is a job whose end is in doubt (lost by the provider, unknown start): it frees the ref while its build may
/// run.
pub fn check_order(simulation: &Simulation, project: &str, order: &str) {
    let is_of = |row: &Row| row.request.project.as_str() == project;
    let rows: Vec<Row> = simulation.rows().into_iter().filter(is_of).collect();
    let refs: BTreeSet<String> = rows.iter().map(|row| row.git_ref().full()).collect();
    for git_ref in refs {
        let intervals = intervals(simulation, |row| {
            is_of(row) && row.git_ref().full() == git_ref && !row.start_in_doubt && !is_lost(row)
        });
        for pair in intervals.windows(2) {
            assert!(pair[0].to <= pair[1].from, "two commands of {git_ref} at once: {intervals:#?}");
            let is_newer = order != "newest" || pair[0].commit <= pair[1].commit;
            assert!(is_newer, "an older commit after a newer one on {git_ref}: {intervals:#?}");
        }
        let of_ref = rows.iter().filter(|row| row.git_ref().full() == git_ref);
        check_newest_is_tried(simulation, &of_ref.filter(|row| row.request.commit.is_some()).collect::<Vec<_>>());
    }
}

/// Of the jobs of a ref's newest commit at least one did not step aside, and a job is superseded only by a command that
/// ran, on its commit or a newer one.
fn check_newest_is_tried(simulation: &Simulation, rows: &[&Row]) {
    let newest = rows.iter().map(|row| &row.request.commit).max();
    let mut of_newest = rows.iter().filter(|row| Some(&row.request.commit) == newest).peekable();
    let is_tried = of_newest.peek().is_none() || of_newest.any(|row| !stepped_aside(row));
    assert!(is_tried, "no job of the newest commit stayed: {rows:#?}");
    for row in rows {
        let Some(newer) = message(row).strip_prefix("superseded by ") else { continue };
        let newer = simulation.row(&newer.parse().unwrap());
        let ran = matches!(&newer.phase, Phase::Finished { result, .. } if result.command_ran == Some(CommandRan::Yes));
        assert!(ran && newer.request.commit >= row.request.commit, "{row:#?} by {newer:#?}");
    }
}

fn stepped_aside(row: &Row) -> bool {
    ["superseded by ", "older than commit "].iter().any(|start| message(row).starts_with(start))
}

/// By the runner's exit code: below 244, no command has run.
fn ended_before_its_command(build: &ProviderBuild) -> bool {
    matches!(build.state, BuildState::Ended(BuildOutcome::RunnerFailed { exit_code }) if exit_code < 244)
}

fn is_lost(row: &Row) -> bool {
    message(row).starts_with("lost by the provider")
}

fn message(row: &Row) -> &str {
    match &row.phase {
        Phase::Finished { result, .. } => &result.message,
        _ => "",
    }
}
