//! The worker's metrics, by the names that dashboards and alarms use.

use std::sync::OnceLock;
use std::time::Duration;

use crate::domain::{Phase, Row};

/// A sink for metrics: the process sets one with [`set_metrics_recorder`].
///
/// The engine links no metrics crate, so that programs which only read its rows do not link one either.
pub trait MetricsRecorder: Send + Sync {
    /// Adds one to a counter.
    fn increment(&self, counter: &'static str);
    /// Sets a gauge.
    fn set(&self, gauge: &'static str, value: f64);
    /// Adds a value to a distribution.
    fn record(&self, distribution: &'static str, value: f64);
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

fn set(gauge: &'static str, value: f64) {
    if let Some(recorder) = RECORDER.get() {
        recorder.set(gauge, value);
    }
}

fn record(distribution: &'static str, value: f64) {
    if let Some(recorder) = RECORDER.get() {
        recorder.record(distribution, value);
    }
}

/// Counts a request that became a job.
pub(crate) fn job_received() {
    increment("JobsReceived");
}

/// Counts a request for a job that already exists.
pub(crate) fn duplicate_request() {
    increment("DuplicateRequests");
}

/// Counts a request that a cancel of its series, published later, had canceled before it arrived.
pub(crate) fn request_canceled_on_arrival() {
    increment("RequestsCanceledOnArrival");
}

/// Counts a message that was moved to the dead-letter queue.
pub(crate) fn message_dead_lettered() {
    increment("MessagesDeadLettered");
}

/// Counts a StartBuild call.
pub(crate) fn start_build_called() {
    increment("StartBuildCalls");
}

/// Counts a StartBuild call that the provider refused for a reason that only a person can remove.
pub(crate) fn start_refused() {
    increment("StartsRefused");
}

/// Counts a duplicate build of a job.
pub(crate) fn duplicate_build() {
    increment("DuplicateBuilds");
}

/// Counts an event of a build that this installation did not start, or may not read.
pub(crate) fn foreign_event() {
    increment("ForeignEvents");
}

/// Counts a status report that failed.
pub(crate) fn report_failed() {
    increment("StatusReportFailures");
}

/// Counts a done event that failed.
pub(crate) fn done_event_failed() {
    increment("DoneEventFailures");
}

/// Counts a panic of a task.
pub(crate) fn panicked() {
    increment("Panics");
}

/// Counts a job that was quarantined.
pub(crate) fn job_quarantined() {
    increment("JobsQuarantined");
}

/// Counts a sweep of all shards, and sets the age of the oldest job that it found waiting for a build.
pub(crate) fn sweep_completed(oldest_waiting: Duration) {
    increment("Sweeps");
    set("OldestWaitingSeconds", oldest_waiting.as_secs_f64());
}

/// Counts a row's change to another phase.
pub(crate) fn phase_entered(before: &Row, after: &Row) {
    if std::mem::discriminant(&before.phase) == std::mem::discriminant(&after.phase) {
        return;
    }
    match &after.phase {
        Phase::Rejected { .. } => increment("JobsRejected"),
        Phase::Finished { .. } => increment("JobsFinished"),
        Phase::Running { running_since, .. } => {
            record("SecondsToStart", running_since.duration_since(after.message.sent_at).as_secs_f64());
        }
        Phase::Received | Phase::Accepted { .. } | Phase::Starting { .. } => {}
    }
}
