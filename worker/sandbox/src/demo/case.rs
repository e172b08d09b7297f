use std::time::Duration;

use doorbell_messages::CommitId;

/// One thing that the demo asks for, and what should come of it.
pub(super) struct DemoCase {
    /// What it shows.
    pub(super) title: &'static str,
    /// `trigger_job`'s arguments.
    pub(super) arguments: Vec<String>,
    /// How often it is published.
    pub(super) publish_count: usize,
    /// Where the flag is looked for.
    pub(super) commit: Option<CommitId>,
    /// How the job should end.
    pub(super) expected_status: &'static str,
    /// How many builds it should have.
    pub(super) expected_builds: usize,
}

/// How long one case may take.
pub(super) const CASE_TIMEOUT: Duration = Duration::from_secs(60);

impl DemoCase {
    pub(super) fn new(
        title: &'static str,
        arguments: &[&str],
        expected_status: &'static str,
        expected_builds: usize,
    ) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self { title, arguments, publish_count: 1, commit: None, expected_status, expected_builds }
    }

    pub(super) fn with_commit(mut self, commit: &CommitId) -> Self {
        self.commit = Some(commit.clone());
        self
    }

    pub(super) fn publish_times(mut self, times: usize) -> Self {
        self.publish_count = times;
        self
    }
}
