//! A scenario's result, for people and for programs.
use serde_json::{Value, json};

use crate::output_format::OutputFormat;

/// Figures and violated invariants.
#[derive(Debug, Default)]
pub(super) struct ScenarioResult {
    /// A JSON object; the README lists the keys of a storm.
    pub(super) figures: Value,
    /// Violated invariants; empty if all hold.
    pub(super) violations: Vec<String>,
}

impl ScenarioResult {
    /// Adds a violation unless the condition holds.
    pub(super) fn require(&mut self, holds: bool, violation: impl FnOnce() -> String) {
        if !holds {
            self.violations.push(violation());
        }
    }

    pub(super) fn print(&self, output: OutputFormat) {
        match output {
            OutputFormat::Text => self.print_text(),
            OutputFormat::Json => println!("{}", self.to_json()),
        }
    }

    fn to_json(&self) -> Value {
        let mut all = self.figures.clone();
        all["broken"] = json!(self.violations);
        all
    }

    fn print_text(&self) {
        print_figures(&self.figures, "");
        for problem in &self.violations {
            println!("VIOLATION {problem}");
        }
        println!(
            "{}",
            if self.violations.is_empty() { "All invariants hold." } else { "Some invariants do not hold." }
        );
    }
}

fn print_figures(value: &Value, path: &str) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => print_figures(value, &format!("{path}{name}.")),
            value => println!("{:<24} {value}", format!("{path}{name}")),
        }
    }
}

/// Rounds to one decimal; the noise of a figure is larger.
pub(super) fn round_to_tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
