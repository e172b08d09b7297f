//! The numbers that a dashboard or an alarm asks for, by name.

use metrics::{counter, histogram};

use crate::domain::{Phase, Row};

/// A request became a job.
pub(crate) fn job_received() {
    counter!("JobsReceived").increment(1);
}

/// A message asked for a job that is there already.
pub(crate) fn duplicate() {
    counter!("DuplicateRequests").increment(1);
}

/// A message went to the dead-letter queue.
pub(crate) fn buried() {
    counter!("MessagesDeadLettered").increment(1);
}

/// StartBuild was sent.
pub(crate) fn start_sent() {
    counter!("StartBuildCalls").increment(1);
}

/// A job has a second build.
pub(crate) fn second_build() {
    counter!("DuplicateBuilds").increment(1);
}

/// An event was about a build that is not ours.
pub(crate) fn foreign_event() {
    counter!("ForeignEvents").increment(1);
}

/// A forge did not take a status.
pub(crate) fn telling_failed() {
    counter!("StatusReportFailures").increment(1);
}

/// A task panicked.
pub(crate) fn panicked() {
    counter!("Panics").increment(1);
}

/// A row was put aside for a person.
pub(crate) fn isolated() {
    counter!("JobsQuarantined").increment(1);
}

/// A sweep went through all shards.
pub(crate) fn swept() {
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
        Phase::Running { since, .. } => {
            histogram!("SecondsToStart").record(since.since(after.message.sent_at).as_secs_f64());
        }
        Phase::Received | Phase::Accepted { .. } | Phase::Starting { .. } => {}
    }
}
