use std::collections::BTreeMap;

use doorbell_registry::OrderRule;
use serde::Serialize;

use crate::printer::{Line, Printer, bold, dim};
use crate::project::PINNED_NOTE;

/// The decision, for `--output json`. Its fields are stable; later versions may add fields.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ExplainOutput {
    /// `built`, `rejected`, `deadLetter`, `pending`.
    pub(super) verdict: &'static str,
    pub(super) reason: Option<String>,
    pub(super) warnings: Vec<String>,
    pub(super) build_project: Option<String>,
    pub(super) command: Vec<String>,
    pub(super) commit: Option<String>,
    pub(super) timeout_minutes: Option<u32>,
    pub(super) max_jobs_per_hour: Option<u32>,
    /// `parallel`, `serial`, `newest`: how it would be ordered with other jobs of its ref.
    pub(super) order: Option<OrderRule>,
    /// Variables that the request sets.
    pub(super) variables: BTreeMap<String, String>,
    /// Names in SSM or Secrets Manager.
    pub(super) credentials: Vec<String>,
    /// Whether command, repository and git secret come from the build project's own environment, which Terraform writes.
    pub(super) pinned: bool,
    pub(super) report: Option<String>,
}

impl ExplainOutput {
    pub(super) fn lines(&self, printer: Printer) -> Vec<Line> {
        let title = match self.verdict {
            "built" => "it would be built",
            "rejected" => "it would be rejected",
            "deadLetter" => "it would be dead-lettered: it cannot be parsed",
            _ => "it would be accepted, and wait",
        };
        let mut lines = vec![bold(title)];
        let mut fact = |name: &str, text: String| {
            lines.extend(printer.wrap_text(dim(&format!("{name:<11}")).then(" ").then(text), 12));
        };
        let facts = [
            ("because", self.reason.clone()),
            ("build", self.build_project.clone()),
            ("command", (!self.command.is_empty()).then(|| self.command.join(" "))),
            ("pinned", self.pinned.then(|| PINNED_NOTE.to_owned())),
            ("commit", self.commit.clone().or((self.verdict == "built").then(|| "the ref's tip".to_owned()))),
            ("order", self.order.and_then(order_text)),
            ("an hour", self.max_jobs_per_hour.map(|jobs| format!("at most {jobs} jobs"))),
            ("minutes", self.timeout_minutes.map(|minutes| format!("at most {minutes}"))),
            ("credentials", (!self.credentials.is_empty()).then(|| self.credentials.join(", "))),
            ("report", self.report.clone()),
        ];
        facts.into_iter().filter_map(|(name, text)| Some((name, text?))).for_each(|(name, text)| fact(name, text));
        self.variables.iter().for_each(|(name, value)| fact("variable", format!("{name}={value}")));
        self.warnings.iter().for_each(|warning| fact("warning", warning.clone()));
        lines
    }
}

/// What other jobs of the ref mean for this one; nothing where they run at the same time.
fn order_text(order: OrderRule) -> Option<String> {
    Some(match order {
        OrderRule::Parallel => return None,
        OrderRule::Serial => "it waits for the jobs of this ref that were published before it".to_owned(),
        OrderRule::Newest => {
            "it waits while another job of this ref runs, and ends as canceled if its commit is older than one that ran"
                .to_owned()
        }
    })
}
