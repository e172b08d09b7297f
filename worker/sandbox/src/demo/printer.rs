//! The demo's terminal output; colored only on a terminal.
use anstream::println;
use comfy_table::{ContentArrangement, Table, presets};
use owo_colors::OwoColorize;

use super::result::DemoResult;
use crate::forge::PagureFlag;
use crate::sandbox::Sandbox;

/// The table's width in columns if stdout is not a terminal.
const DEFAULT_WIDTH: u16 = 110;

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

    pub(super) fn table(&self, result: &DemoResult) {
        let mut table = Table::new();
        table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
        if !std::io::IsTerminal::is_terminal(&std::io::stdout()) {
            table.set_width(DEFAULT_WIDTH);
        }
        table.set_header(["job", "request", "outcome", "builds", "flag", "StartBuild", "final flag"]);
        for job in &result.jobs {
            let seconds =
                |seconds: Option<f64>| seconds.map_or("-".to_owned(), |seconds| format!("after {seconds:.2} s"));
            table.add_row([
                job.job.clone(),
                format!("{} {}: {}", job.project, job.git_ref, job.title),
                job.outcome.clone(),
                job.builds.to_string(),
                job.flag.as_ref().map_or("-".to_owned(), |flag| format!("{}: {}", flag.status, flag.comment)),
                seconds(job.seconds_to_build),
                seconds(job.seconds_to_flag),
            ]);
        }
        self.line(&format!("\n{table}"));
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

fn color_status(status: &str) -> String {
    match status {
        "success" => status.green().to_string(),
        "pending" => status.yellow().to_string(),
        _ => status.red().to_string(),
    }
}
