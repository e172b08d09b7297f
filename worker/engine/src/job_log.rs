//! Logs and counts what happens to one job.

use tracing::{Span, info};

use crate::domain::Row;
use crate::metrics;

/// The tracing span of one job.
pub(crate) fn span(row: &Row) -> Span {
    let build = row.build().map(|build| build.id.to_string());
    tracing::info_span!(
        "job",
        job.key = %row.key,
        project = %row.request.project,
        sqs.message_id = tracing::field::Empty,
        build.id = build,
    )
}

/// Counts and logs a request that became a job; called in the job's span.
///
/// The saved queries of requests by project find these lines, so there is one wherever the metric counts.
pub(crate) fn log_received(row: &Row) {
    metrics::job_received();
    info!(git.ref = %row.git_ref(), "request received");
}

/// Logs the trail entries that a write added. Operators read in the log what people read in the row.
pub(crate) fn log_transition(before: &Row, after: &Row) {
    metrics::phase_entered(before, after);
    if let Some(build) = after.build().filter(|_| before.build().is_none()) {
        Span::current().record("build.id", build.id.as_str());
    }
    let known = before.trail.last();
    let added = after.trail.iter().rev().take_while(|entry| Some(*entry) != known).count();
    for entry in &after.trail[after.trail.len() - added..] {
        info!(job.status = %after.status(), "{}", entry.message);
    }
}
