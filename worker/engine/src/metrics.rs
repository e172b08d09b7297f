//! The numbers that a dashboard or an alarm asks for, by name.

use metrics::{counter, histogram};

use crate::domain::{Phase, Row};

/// A request became a job.
pub(crate) fn job_received() {
    counter!("JobsReceived").increment(1);
}

/// A message asked for a job that is there already.
pub(crate) fn duplicate_request() {
    counter!("DuplicateRequests").increment(1);
}

/// A message went to the dead-letter queue.
pub(crate) fn message_dead_lettered() {
    counter!("MessagesDeadLettered").increment(1);
}

/// StartBuild was sent.
pub(crate) fn start_build_called() {
    counter!("StartBuildCalls").increment(1);
}

/// A job has a second build.
pub(crate) fn duplicate_build() {
    counter!("DuplicateBuilds").increment(1);
}

/// An event was about a build that is not ours.
pub(crate) fn foreign_event() {
    counter!("ForeignEvents").increment(1);
}

/// A forge did not take a status.
pub(crate) fn report_failed() {
    counter!("StatusReportFailures").increment(1);
}

/// A task panicked.
pub(crate) fn panicked() {
    counter!("Panics").increment(1);
}

/// A row was put aside for a person.
pub(crate) fn job_quarantined() {
    counter!("JobsQuarantined").increment(1);
}

/// A sweep went through all shards.
pub(crate) fn sweep_completed() {
    counter!("Sweeps").increment(1);
}

/// A row moved to another phase.
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
