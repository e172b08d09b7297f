//! The demo's terminal output; colored only on a terminal.
use anstream::println;
use owo_colors::OwoColorize;
use serde_json::Value;

use super::result::{CaseResult, DemoResult};
use crate::forge::PagureFlag;
use crate::sandbox::Sandbox;

/// The width of the outcomes' column: the longest status and a gap.
const OUTCOME_WIDTH: usize = 10;

/// Prints the demo's steps; prints nothing if the result is for a program.
pub(super) struct DemoPrinter {
    enabled: bool,
}

impl DemoPrinter {
    pub(super) fn for_terminal() -> Self {
        Self { enabled: true }
    }

    pub(super) fn silent() -> Self {
        Self { enabled: false }
    }

    fn line(&self, text: &str) {
        if self.enabled {
            println!("{text}");
        }
    }

    pub(super) fn title(&self, text: &str) {
        self.line(&format!("\n{}", text.bold()));
    }

    pub(super) fn component(&self, name: &str, address: &str, what: &str) {
        let address = if address.is_empty() { String::new() } else { format!("{address}  ") };
        self.line(&format!("  {} {name:<10}{}{what}", "up".green(), address.dimmed()));
    }

    pub(super) fn note(&self, text: &str) {
        self.line(&format!("  {}", text.dimmed()));
    }

    pub(super) fn case(&self, title: &str) {
        self.line(&format!("\n{}", title.bold()));
    }

    pub(super) fn command(&self, arguments: &[&str]) {
        self.line(&format!("  {} trigger_job {}", "$".dimmed(), arguments.join(" ")));
    }

    pub(super) fn published(&self, key: &str) {
        self.line(&format!("  {key}"));
    }

    pub(super) fn step(&self, text: &str, seconds: f64) {
        self.line(&format!("  {}  {text}", format!("{seconds:>5.2} s").dimmed()));
    }

    pub(super) fn flag(&self, flag: Option<&PagureFlag>) {
        match flag {
            Some(flag) => {
                let status = color_status(flag.status.as_str());
                self.line(&format!(
                    "  flag on {}: {status}  {}",
                    &flag.commit[..flag.commit.len().min(10)],
                    flag.comment
                ));
            }
            None => self.line("  no flag: the project has no report target"),
        }
    }

    pub(super) fn log_lines(&self, lines: &[String]) {
        for line in lines {
            self.line(&format!("  {} {line}", "worker's log:".dimmed()));
        }
    }

    pub(super) fn done_events(&self, events: &[Value]) {
        for event in events {
            let (subject, job) = (&event["subject"]["content"], event["subject"]["id"].as_str().unwrap_or_default());
            let text = |name: &str| subject[name].as_str().unwrap_or_default();
            self.line(&format!("  received done event: {}  {}", color_status(text("outcome")), text("errors")));
            self.line(&format!("  {}", job.dimmed()));
        }
    }

    pub(super) fn denials(&self, denied: &[String], allowed: &[String]) {
        for action in denied {
            self.line(&format!("  {}  {action}", "denied".green()));
        }
        for action in allowed {
            self.line(&format!("  {}  {action}", "ALLOWED".red().bold()));
        }
    }

    pub(super) fn metrics(&self, metrics: &[(String, f64)]) {
        self.case("the worker's counters");
        for (name, value) in metrics {
            self.line(&format!("  {value:>4}  {name}"));
        }
    }

    /// Three lines for each job, of which the last is the key to copy, and the verdict.
    pub(super) fn summary(&self, result: &DemoResult) {
        self.case("what became of each request");
        for job in &result.jobs {
            let outcome = color_status(&job.outcome);
            let gap = OUTCOME_WIDTH.saturating_sub(job.outcome.chars().count());
            self.line(&format!("  {outcome}{:gap$}{} {}: {}", "", job.project, job.git_ref, job.title));
            self.line(&format!("  {:OUTCOME_WIDTH$}{}", "", course(job)));
            self.line(&format!("  {:OUTCOME_WIDTH$}{}", "", job.job.dimmed()));
        }
        let verdict = if result.is_as_expected() {
            "Every job ended as expected.".green().to_string()
        } else {
            "Some results are not as expected: see above.".red().bold().to_string()
        };
        self.line(&format!("\nThe publisher's key was denied {} other actions. {verdict}", result.denied.len()));
    }

    pub(super) fn exports(&self, sandbox: &Sandbox) {
        self.title("The sandbox keeps running. In another terminal, as the CI:");
        for (name, value) in sandbox.account.publisher_environment() {
            self.line(&format!("  export {name}='{value}'"));
        }
        self.line(&format!("  {} demo main", sandbox.programs().trigger_job().display()));
        self.title("As the account's owner:");
        for (name, value) in sandbox.owner_environment() {
            self.line(&format!("  export {name}='{value}'"));
        }
        self.line(&format!("  {} jobs list", sandbox.programs().doorbell().display()));
        self.line("\nCtrl-C stops the sandbox.");
    }
}

/// What was called for a job, and how long after its request: `1 build, StartBuild after 0.42 s, flag success after 1.51 s`.
fn course(job: &CaseResult) -> String {
    let builds = match job.builds {
        0 => "no build".to_owned(),
        1 => "1 build".to_owned(),
        many => format!("{many} builds"),
    };
    let start = job.seconds_to_build.map(|seconds| format!("StartBuild after {seconds:.2} s"));
    let flag = match (&job.flag, job.seconds_to_flag) {
        (Some(flag), Some(seconds)) => format!("flag {} after {seconds:.2} s", flag.status),
        (Some(flag), None) => format!("flag {}", flag.status),
        (None, _) => "no flag".to_owned(),
    };
    [Some(builds), start, Some(flag)].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn color_status(status: &str) -> String {
    match status {
        "success" => status.green().to_string(),
        "pending" => status.yellow().to_string(),
        _ => status.red().to_string(),
    }
}
