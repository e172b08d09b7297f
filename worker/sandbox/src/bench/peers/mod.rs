//! `bin/bench --peers`: the worker beside programs that people use for the same work, in one run at one endpoint.
mod arguments;
mod candidate;
mod machine;
mod measurement;
mod report;
mod run;
mod scenarios;

use clap::ValueEnum;

use arguments::{CandidateName, ScenarioName, shown};
use candidate::Candidate;
use report::PeersReport;

pub use arguments::PeersArguments;

use crate::output_format::OutputFormat;

/// The bursts of the scenario `growth`, in jobs.
const GROWTH_STEPS: [usize; 3] = [1000, 10_000, 100_000];

/// Runs the scenarios, interleaved, and prints their figures.
///
/// # Errors
/// A program is missing or ends by itself.
pub async fn run(arguments: PeersArguments) -> anyhow::Result<()> {
    let names = chosen(&arguments.candidate, CandidateName::value_variants());
    let candidates =
        names.into_iter().map(|name| Candidate::find(name, &arguments)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut usual = ScenarioName::value_variants().to_vec();
    usual.retain(|name| *name != ScenarioName::Growth);
    let mut report = PeersReport::new(arguments.runs);
    for name in chosen(&arguments.scenario, &usual) {
        for jobs in job_counts(name, arguments.jobs) {
            measure(name, &candidates, jobs, arguments.runs, &mut report).await?;
        }
    }
    match arguments.output {
        OutputFormat::Json => println!("{}", report.to_json()),
        OutputFormat::Text => print!("{}", report.to_text()),
    }
    Ok(())
}

/// One scenario: every round runs each candidate once, so that what changes on the machine meets all of them.
async fn measure(
    name: ScenarioName,
    candidates: &[Candidate],
    jobs: usize,
    runs: usize,
    report: &mut PeersReport,
) -> anyhow::Result<()> {
    for round in 1..=runs {
        for candidate in scenarios::candidates_of(name, candidates) {
            eprintln!("{} ({jobs} jobs), run {round} of {runs}: {}", shown(name), shown(candidate.name));
            let figures = scenarios::run(name, candidate, jobs).await?;
            report.add(name, jobs, candidate.name, figures);
        }
    }
    Ok(())
}

fn job_counts(name: ScenarioName, wanted: Option<usize>) -> Vec<usize> {
    match (name, wanted) {
        (ScenarioName::Idle, _) => vec![0],
        (_, Some(jobs)) => vec![jobs],
        (ScenarioName::Growth, None) => GROWTH_STEPS.to_vec(),
        (name, None) => vec![name.default_jobs()],
    }
}

/// What was asked for, or else all.
fn chosen<T: Copy + PartialEq>(wanted: &[T], all: &[T]) -> Vec<T> {
    if wanted.is_empty() { all.to_vec() } else { wanted.to_vec() }
}
