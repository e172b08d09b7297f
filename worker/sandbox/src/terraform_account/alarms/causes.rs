use super::{Aftermath, jobs, logs, queues, requests, workers};
use crate::terraform_account::scenarios::TerraformScenarios;

/// Something that goes wrong in an installation.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cause {
    RejectedRequests,
    RevokedForgeToken,
    DeniedDoneEvents,
    DeniedStart,
    HourOfDeniedStarts,
    DuplicateBuild,
    PanickingJob,
    FloodedLog,
    StoppedWorkers,
    UnreadableMessages,
    RemovedQueuePolicies,
}

/// Each cause, in the order in which they happen, with the alarms that it sets off.
pub(super) const CAUSES: [(Cause, &[&str]); 11] = [
    (Cause::RejectedRequests, &["rejection-rate"]),
    (Cause::DeniedDoneEvents, &["done-event-failures"]),
    (Cause::DeniedStart, &["starts-refused"]),
    (Cause::HourOfDeniedStarts, &["starts-refused", "jobs-wait"]),
    (Cause::DuplicateBuild, &["duplicate-build"]),
    (Cause::PanickingJob, &["panics", "quarantined"]),
    (Cause::FloodedLog, &["pull-request-logs"]),
    (Cause::StoppedWorkers, &["trigger-queue-age", "event-queue-age", "sweep-missing"]),
    (Cause::UnreadableMessages, &["dead-letters"]),
    (Cause::RemovedQueuePolicies, &["events-dead-letters", "subscription-dead-letters"]),
    // The last one, since the reports of these jobs go on failing.
    (Cause::RevokedForgeToken, &["report-failures"]),
];

impl Cause {
    /// Makes it happen with a worker of its own, which has exited at the end.
    ///
    /// # Errors
    /// It did not happen.
    pub(super) async fn make_happen(self, scenarios: &TerraformScenarios<'_>) -> anyhow::Result<Aftermath> {
        match self {
            Self::RejectedRequests => requests::publish_rejected_requests(scenarios).await,
            Self::RevokedForgeToken => requests::report_with_a_revoked_token(scenarios).await,
            Self::DeniedDoneEvents => requests::deny_done_events(scenarios).await,
            Self::DeniedStart => jobs::deny_a_start(scenarios).await,
            Self::HourOfDeniedStarts => jobs::deny_starts_for_an_hour(scenarios).await,
            Self::DuplicateBuild => jobs::start_a_second_build(scenarios).await,
            Self::PanickingJob => jobs::run_a_job_that_panics(scenarios).await,
            Self::FloodedLog => logs::flood_the_log_of_pull_requests(scenarios).await,
            Self::StoppedWorkers => workers::stop_all(scenarios).await,
            Self::UnreadableMessages => requests::send_unreadable_messages(scenarios).await,
            Self::RemovedQueuePolicies => queues::remove_policies(scenarios).await,
        }
    }
}
