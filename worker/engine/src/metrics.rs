//! The worker's metrics, by the names that dashboards and alarms use.

use metrics::{counter, histogram};

use crate::domain::{Phase, Row};

/// Counts a request that became a job.
pub(crate) fn job_received() {
    counter!("JobsReceived").increment(1);
}

/// Counts a request for a job that already exists.
pub(crate) fn duplicate_request() {
    counter!("DuplicateRequests").increment(1);
}

/// Counts a message that was moved to the dead-letter queue.
pub(crate) fn message_dead_lettered() {
    counter!("MessagesDeadLettered").increment(1);
}

/// Counts a StartBuild call.
pub(crate) fn start_build_called() {
    counter!("StartBuildCalls").increment(1);
}

/// Counts a duplicate build of a job.
pub(crate) fn duplicate_build() {
    counter!("DuplicateBuilds").increment(1);
}

/// Counts an event of a build that this installation did not start.
pub(crate) fn foreign_event() {
    counter!("ForeignEvents").increment(1);
}

/// Counts a status report that failed.
pub(crate) fn report_failed() {
    counter!("StatusReportFailures").increment(1);
}

/// Counts a panic of a task.
pub(crate) fn panicked() {
    counter!("Panics").increment(1);
}

/// Counts a job that was quarantined.
pub(crate) fn job_quarantined() {
    counter!("JobsQuarantined").increment(1);
}

/// Counts a sweep of all shards.
pub(crate) fn sweep_completed() {
    counter!("Sweeps").increment(1);
}

/// Counts a row's change to another phase.
pub(crate) fn phase_entered(before: &Row, after: &Row) {
    if std::mem::discriminant(&before.phase) == std::mem::discriminant(&after.phase) {
        return;
    }
    match &after.phase {
        Phase::Rejected { .. } => counter!("JobsRejected").increment(1),
        Phase::Finished { .. } => counter!("JobsFinished").increment(1),
        Phase::Running { running_since, .. } => {
            histogram!("SecondsToStart").record(running_since.running_since(after.message.sent_at).as_secs_f64());
        }
        Phase::Received | Phase::Accepted { .. } | Phase::Starting { .. } => {}
    }
}
