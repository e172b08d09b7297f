//! `--show-context` in the builds that are no plain push: promoted, scheduled, queued, run for another run, detached.
mod forks;
mod jenkins;
mod refs;
mod values;

use serde_json::Value;

use crate::invocation::{Invocation, InvocationResult, TOPIC};
use crate::vendors::environment;

const OTHER: &str = "f1d2d2f924e986ac86fdf7b36c94bcdf32beec15";
const MAIN: &str = "refs/heads/main";
const TAG: &str = "refs/tags/v1.2.0";
const PULL_REQUEST: &str = "refs/pull/7/head";

/// One run in a build like this case, with some variables changed; an empty value unsets one.
struct Build {
    vendor: &'static str,
    case: &'static str,
    changes: Vec<(&'static str, String)>,
    arguments: Vec<&'static str>,
    file: Option<&'static str>,
}

/// What `--show-context` shows.
struct Shown {
    result: InvocationResult,
    context: Value,
}

fn build(vendor: &'static str, case: &'static str, changes: &[(&'static str, &str)]) -> Build {
    let changes = changes.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Build { vendor, case, changes, arguments: Vec::new(), file: None }
}

impl Build {
    fn with_arguments(self, arguments: &[&'static str]) -> Self {
        Self { arguments: arguments.to_vec(), ..self }
    }

    fn with_file(self, text: &'static str) -> Self {
        Self { file: Some(text), ..self }
    }

    async fn show(self) -> Shown {
        let always = ["--topic-arn", TOPIC, "--show-context", "--output", "json"];
        let mut run = Invocation::new(&[&always, &self.arguments[..]].concat());
        if let Some(text) = self.file {
            std::fs::write(run.directory().join(".doorbell.toml"), text).unwrap();
        }
        for (name, value) in environment(self.vendor, self.case) {
            run = run.env(&name, &value);
        }
        for (name, value) in &self.changes {
            run = run.env(name, value);
        }
        let result = run.run().await;
        let context = serde_json::from_str(&result.stdout).unwrap_or_else(|error| panic!("{error}: {result:?}"));
        Shown { result, context }
    }
}

impl Shown {
    fn value(&self, key: &str) -> &str {
        self.context[key]["value"].as_str().unwrap_or("-")
    }

    /// Exit code, ref, commit and fork, as far as they are known.
    #[track_caller]
    fn expect(&self, code: i32, git_ref: &str, commit: &str, fork: &str) -> &Self {
        let found = (self.result.exit_code, self.value("ref"), self.value("commit"), self.value("fork"));
        assert_eq!(found, (Some(code), git_ref, commit, fork), "{:#}\n{}", self.context, self.result.stderr);
        self
    }

    #[track_caller]
    fn expect_note(&self, part: &str) {
        let found = self.result.stderr.lines().any(|line| line.starts_with("note: ") && line.contains(part));
        assert!(found, "{part} is in no note:\n{}", self.result.stderr);
    }

    #[track_caller]
    fn expect_no_note(&self) {
        assert!(!self.result.stderr.contains("note: "), "{}", self.result.stderr);
    }
}
