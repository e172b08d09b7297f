use std::time::Duration;

use doorbell_messages::CommitId;

/// One thing that the demo asks for, and what should come of it.
pub(super) struct Case {
    /// What it shows.
    pub(super) title: &'static str,
    /// `trigger_job`'s arguments.
    pub(super) arguments: Vec<String>,
    /// How often it is published.
    pub(super) times: usize,
    /// Where the flag is looked for.
    pub(super) commit: Option<CommitId>,
    /// How the job should end.
    pub(super) outcome: &'static str,
    /// How many builds it should have.
    pub(super) builds: usize,
}

/// How long one case may take.
pub(super) const CASE_WITHIN: Duration = Duration::from_secs(60);

impl Case {
    pub(super) fn new(title: &'static str, arguments: &[&str], outcome: &'static str, builds: usize) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { title, arguments, times: 1, commit: None, outcome, builds }
    }

    pub(super) fn on(mut self, commit: &CommitId) -> Self {
        self.commit = Some(commit.clone());
        self
    }

    pub(super) fn published(mut self, times: usize) -> Self {
        self.times = times;
        self
    }
}
