use std::time::Duration;

use doorbell_messages::CommitId;

/// A case of the demo: a request and its expected result.
pub(super) struct DemoCase {
    /// The title.
    pub(super) title: &'static str,
    /// The arguments of `trigger_job`.
    pub(super) arguments: Vec<String>,
    /// How often it is published.
    pub(super) publish_count: usize,
    /// The commit whose flag is shown.
    pub(super) commit: Option<CommitId>,
    /// The expected status of the job.
    pub(super) expected_status: &'static str,
    /// The expected number of builds.
    pub(super) expected_builds: usize,
}

/// The timeout of one case.
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
