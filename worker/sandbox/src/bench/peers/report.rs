//! The figures of all runs, as a table and as JSON.
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::arguments::{CandidateName, ScenarioName, shown};
use super::machine;
use super::measurement::{Measurement, Spread};

/// What was measured, by scenario, number of jobs and candidate.
#[derive(Debug)]
pub(super) struct PeersReport {
    runs: usize,
    scenarios: BTreeMap<(ScenarioName, usize), BTreeMap<CandidateName, Vec<Measurement>>>,
}

/// Figures that every run has to be right in; the table shows them only where one is not 0.
const FAILURES: [&str; 5] = ["backwardFlags", "deadLetters", "duplicateBuilds", "notStarted", "wrongFlags"];

/// Figures of the JSON only.
const DETAILS: [&str; 1] = ["calls."];

const NAME_WIDTH: usize = 32;
const COLUMN_WIDTH: usize = 24;

impl PeersReport {
    pub(super) fn new(runs: usize) -> Self {
        Self { runs, scenarios: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, scenario: ScenarioName, jobs: usize, candidate: CandidateName, figures: Measurement) {
        self.scenarios.entry((scenario, jobs)).or_default().entry(candidate).or_default().push(figures);
    }

    /// For each figure the median of the runs and their least and greatest, and the worker's ratio to each peer.
    pub(super) fn to_text(&self) -> String {
        let mut text = String::new();
        for ((scenario, jobs), candidates) in &self.scenarios {
            let _ =
                write!(text, "\n{}, {jobs} jobs, {} runs: median (least to greatest)\n", shown(*scenario), self.runs);
            let _ = write!(text, "{:NAME_WIDTH$}", "");
            for candidate in candidates.keys() {
                let _ = write!(text, "{:>COLUMN_WIDTH$}", shown(*candidate));
            }
            text.push('\n');
            for name in shown_figures(candidates) {
                let _ = write!(text, "{name:NAME_WIDTH$}");
                for runs in candidates.values() {
                    let cell = spread(runs, name).map_or_else(|| "–".to_owned(), cell);
                    let _ = write!(text, "{cell:>COLUMN_WIDTH$}");
                }
                text.push('\n');
            }
            for (peer, ratio) in ratios(candidates, "cpuMillisecondsPerJob") {
                let _ = writeln!(text, "worker's CPU beside {}: {} times", shown(peer), cell(ratio));
            }
        }
        text
    }

    /// Every figure of every run; the form is documented in `docs/performance.md`.
    pub(super) fn to_json(&self) -> Value {
        let scenarios: Vec<Value> = self.scenarios.iter().map(scenario_json).collect();
        json!({
            "date": crate::now_in_iso_8601(),
            "machine": machine::describe(),
            "runs": self.runs,
            "scenarios": scenarios,
        })
    }
}

fn scenario_json(
    ((scenario, jobs), candidates): (&(ScenarioName, usize), &BTreeMap<CandidateName, Vec<Measurement>>),
) -> Value {
    let mut shown_candidates = Map::new();
    for (candidate, runs) in candidates {
        let names: BTreeSet<&String> = runs.iter().flat_map(Measurement::names).collect();
        let figures: Map<String, Value> = names
            .into_iter()
            .map(|name| (name.clone(), json!(runs.iter().map(|run| run.get(name)).collect::<Vec<_>>())))
            .collect();
        shown_candidates.insert(shown(*candidate), Value::Object(figures));
    }
    let ratios: Map<String, Value> = ratios(candidates, "cpuMillisecondsPerJob")
        .map(|(peer, ratio)| {
            (shown(peer), json!({ "median": ratio.median, "least": ratio.min, "greatest": ratio.max }))
        })
        .collect();
    json!({
        "scenario": shown(*scenario),
        "jobs": jobs,
        "candidates": shown_candidates,
        "workerCpuRatios": ratios,
    })
}

fn spread(runs: &[Measurement], name: &str) -> Option<Spread> {
    Spread::of(runs.iter().filter_map(|run| run.get(name)))
}

/// The worker's figure divided by a peer's, round by round.
fn ratios<'a>(
    candidates: &'a BTreeMap<CandidateName, Vec<Measurement>>,
    name: &'a str,
) -> impl Iterator<Item = (CandidateName, Spread)> + 'a {
    let worker = candidates.get(&CandidateName::Worker);
    let peers = candidates.iter().filter(|(candidate, _)| **candidate != CandidateName::Worker);
    peers.filter_map(move |(peer, runs)| {
        let rounds = worker?.iter().zip(runs);
        let ratio = rounds.filter_map(|(worker, peer)| Some((worker.get(name)?, peer.get(name)?)));
        let ratio = ratio.filter(|(_, peer)| *peer > 0.0).map(|(worker, peer)| worker / peer);
        Some((*peer, Spread::of(ratio)?))
    })
}

fn shown_figures(candidates: &BTreeMap<CandidateName, Vec<Measurement>>) -> BTreeSet<&String> {
    let all = candidates.values().flatten();
    let is_shown = |name: &&String| {
        let is_zero = candidates.values().flatten().all(|run| run.get(name).unwrap_or_default() == 0.0);
        let is_quiet_failure = FAILURES.contains(&name.as_str()) && is_zero;
        !is_quiet_failure && !DETAILS.iter().any(|prefix| name.starts_with(prefix))
    };
    all.flat_map(Measurement::names).filter(is_shown).collect()
}

fn cell(spread: Spread) -> String {
    let Spread { median, min, max } = spread;
    if median.is_nan() || max.is_nan() {
        return "not within the limit".to_owned();
    }
    let digits = if max >= 100.0 { 0 } else { 2 };
    if min == max {
        format!("{median:.digits$}")
    } else {
        format!("{median:.digits$} ({min:.digits$}–{max:.digits$})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(cpu: f64, wrong: f64) -> Measurement {
        let mut figures = Measurement::default();
        figures.set("cpuMillisecondsPerJob", cpu);
        figures.set("wrongFlags", wrong);
        figures
    }

    #[test]
    fn report_shows_spread_ratios_and_failures() {
        let mut report = PeersReport::new(2);
        for (candidate, cpu, wrong) in [
            (CandidateName::Worker, 0.5, 0.0),
            (CandidateName::SqsConsumer, 1.0, 3.0),
            (CandidateName::Worker, 0.75, 0.0),
            (CandidateName::SqsConsumer, 1.0, 0.0),
        ] {
            report.add(ScenarioName::Backlog, 10, candidate, figures(cpu, wrong));
        }
        let text = report.to_text();
        for expected in
            ["0.62 (0.50–0.75)", "wrongFlags", "1.50 (0.00–3.00)", "beside sqs-consumer: 0.62 (0.50–0.75) times"]
        {
            assert!(text.contains(expected), "{expected} in\n{text}");
        }
        let json = report.to_json();
        let shown = &json["scenarios"][0];
        assert_eq!(shown["candidates"]["worker"]["cpuMillisecondsPerJob"], json!([0.5, 0.75]));
        assert_eq!(shown["workerCpuRatios"]["sqs-consumer"]["greatest"], json!(0.75));
    }

    #[test]
    fn report_hides_failures_that_did_not_occur() {
        let mut report = PeersReport::new(1);
        report.add(ScenarioName::Backlog, 10, CandidateName::Worker, figures(1.0, 0.0));
        assert!(!report.to_text().contains("wrongFlags"));
    }
}
