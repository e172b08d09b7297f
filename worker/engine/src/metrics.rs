//! The numbers that a dashboard or an alarm asks for, by name.

use std::sync::OnceLock;

use crate::domain::{Phase, Row};

/// A sink for metrics: the process sets one with [`set_metrics_recorder`].
///
/// The engine links no metrics crate, so that programs which only read its rows do not link one either.
pub trait MetricsRecorder: Send + Sync {
    /// Adds one to a counter.
    fn increment(&self, counter: &'static str);
    /// Adds a value to a histogram.
    fn record(&self, histogram: &'static str, value: f64);
}

static RECORDER: OnceLock<Box<dyn MetricsRecorder>> = OnceLock::new();

/// Sets the process's metrics recorder; without one, metrics are discarded. A second call changes nothing.
pub fn set_metrics_recorder(recorder: Box<dyn MetricsRecorder>) {
    let _ = RECORDER.set(recorder);
}

fn increment(counter: &'static str) {
    if let Some(recorder) = RECORDER.get() {
        recorder.increment(counter);
    }
}

fn record(histogram: &'static str, value: f64) {
    if let Some(recorder) = RECORDER.get() {
        recorder.record(histogram, value);
    }
}

/// A request became a job.
pub(crate) fn job_received() {
    increment("JobsReceived");
}

/// A message asked for a job that is there already.
pub(crate) fn duplicate_request() {
    increment("DuplicateRequests");
}

/// A message went to the dead-letter queue.
pub(crate) fn message_dead_lettered() {
    increment("MessagesDeadLettered");
}

/// StartBuild was sent.
pub(crate) fn start_build_called() {
    increment("StartBuildCalls");
}

/// A job has a second build.
pub(crate) fn duplicate_build() {
    increment("DuplicateBuilds");
}

/// An event was about a build that is not ours.
pub(crate) fn foreign_event() {
    increment("ForeignEvents");
}

/// A forge did not take a status.
pub(crate) fn report_failed() {
    increment("StatusReportFailures");
}

/// A task panicked.
pub(crate) fn panicked() {
    increment("Panics");
}

/// A row was put aside for a person.
pub(crate) fn job_quarantined() {
    increment("JobsQuarantined");
}

/// A sweep went through all shards.
pub(crate) fn sweep_completed() {
    increment("Sweeps");
}

/// A row moved to another phase.
pub(crate) fn phase_entered(before: &Row, after: &Row) {
    if std::mem::discriminant(&before.phase) == std::mem::discriminant(&after.phase) {
        return;
    }
    match &after.phase {
        Phase::Rejected { .. } => increment("JobsRejected"),
        Phase::Finished { .. } => increment("JobsFinished"),
        Phase::Running { running_since, .. } => {
            record("SecondsToStart", running_since.running_since(after.message.sent_at).as_secs_f64());
        }
        Phase::Received | Phase::Accepted { .. } | Phase::Starting { .. } => {}
    }
}
