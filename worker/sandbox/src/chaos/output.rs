//! What a scenario has found, for people and for programs.
use serde_json::{Value, json};

/// Figures, and what is broken in words.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// An object; the keys of a storm are those that its README lists.
    pub(super) figures: Value,
    /// What must hold and does not; empty when all does.
    pub(super) broken: Vec<String>,
}

impl Finding {
    /// Notes what does not hold.
    pub(super) fn must(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(otherwise());
        }
    }

    pub(super) fn print(&self, as_json: bool) {
        if as_json {
            let mut all = self.figures.clone();
            all["broken"] = json!(self.broken);
            println!("{all}");
            return;
        }
        lines(&self.figures, "");
        for problem in &self.broken {
            println!("BROKEN {problem}");
        }
        println!("{}", if self.broken.is_empty() { "Everything holds." } else { "Something does not hold." });
    }
}

fn lines(value: &Value, path: &str) {
    for (name, value) in value.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => lines(value, &format!("{path}{name}.")),
            value => println!("{:<24} {value}", format!("{path}{name}")),
        }
    }
}

/// With one decimal: a figure's noise is larger.
pub(super) fn rounded(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
