use std::time::Duration;

use crate::domain::installation::InstallationId;
use crate::domain::provider_profile::ProviderProfile;

/// How long after its claim's write a call may be sent (monotonic clock).
///
/// A worker that was paused longer must not send what another one may have taken over.
pub const SEND_DEADLINE: Duration = Duration::from_secs(10);

/// How long a claim of a start call or a report keeps other workers off the row.
pub const LEASE: Duration = Duration::from_secs(60);

/// How long after its claim a report of a non-final status may be on its way.
///
/// It is sent within [`SEND_DEADLINE`] or never, and its call ends 10 s later. The rest is for clocks that differ.
pub(super) const NON_FINAL_REPORT_LEASE: Duration = Duration::from_secs(30);

/// How long a worker may keep the receipt of a non-final report in its memory before it writes it.
pub(crate) const MAX_UNWRITTEN_RECEIPT_AGE: Duration = Duration::from_secs(5 * 60);

/// When a non-final report without a receipt is sent again: its worker would have written one by now.
pub(super) const NON_FINAL_RESEND_AFTER: Duration = Duration::from_secs(10 * 60);

/// How long a job of an unknown project waits for a worker that calls it.
pub(super) const UNKNOWN_PROJECT_DELAY: Duration = Duration::from_secs(5 * 60);

/// The time between two searches for a build.
pub(super) const SEARCH_INTERVAL: Duration = Duration::from_secs(30);

/// How long a job waits before "queued" is reported: most builds start sooner.
pub(super) const QUEUED_STATUS_DELAY: Duration = Duration::from_secs(10);

/// When the final status is sent again after a report whose outcome is unknown, which may arrive until then.
pub(super) const RESEND_FINAL_AFTER: Duration = Duration::from_secs(120);

/// The time after its claim by which a report has arrived or never will.
pub(crate) const STALE_REPORT_WINDOW: Duration = SEND_DEADLINE.saturating_add(RESEND_FINAL_AFTER);

/// How long after a job's end its final status is retried: longer than a weekend and any outage seen.
pub(super) const REPORT_DEADLINE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How long the provider may not know a build before it is lost.
pub(super) const LOST_BUILD_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// The delay after an event that says "ended" while the provider says "not yet".
pub(super) const REDESCRIBE_DELAY: Duration = Duration::from_secs(5);

/// How long a settled row stays readable.
pub const SETTLED_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long the first row of a series stays after the youngest job of the series was published.
///
/// A row lives at most 10 days before it settles, and stays 30 days then.
pub(super) const SERIES_RETENTION: Duration = Duration::from_secs(60 * 24 * 60 * 60);

/// The number of entries in a row's trail.
pub(super) const MAX_TRAIL_LENGTH: usize = 24;

/// The crash score above which a row is quarantined.
///
/// A worker that is killed from outside while it handles a row looks like one that the row crashed. That has to happen
/// twelve times in a row, which takes hours.
pub(super) const MAX_CRASH_SCORE: u32 = 12;

/// The longest lease of a row that crashes its workers.
pub(super) const MAX_LEASE: Duration = Duration::from_secs(15 * 60);

/// The uptime from which a worker's crash counts fully against the row that it handled.
///
/// Where all workers are killed sooner, busy or idle, their crashes count only up to a limit.
pub(super) const MIN_WORKER_UPTIME: Duration = Duration::from_secs(60);

/// That limit: the rest up to the maximum has to happen to older workers.
pub(super) const MAX_SCORE_FROM_YOUNG_WORKERS: u32 = 8;

/// How long a row may be overdue before it may be what crashes its workers.
pub(super) const OVERDUE_AFTER: Duration = Duration::from_secs(60);

/// The settings that decisions depend on.
#[derive(Debug, Clone)]
pub struct JobConfig {
    /// This installation.
    pub installation: InstallationId,
    /// The facts of the provider that runs builds.
    pub provider: ProviderProfile,
    /// The age from which a request is rejected: topics retry for weeks, and dead-letter queues are redriven by people.
    pub max_request_age: Duration,
    /// How long a job may wait for a build.
    pub queue_timeout: Duration,
    /// How long a young build may run without an event before it is polled. An old one is polled each tenth of its age,
    /// at most ten times as seldom.
    pub build_poll_interval: Duration,
    /// Whether the installation has a topic of done events.
    pub publishes_done_events: bool,
    /// The provider's page of all targets; a slash and a target's name make that one's page. The link of a report before
    /// there is a log.
    pub console_url: String,
}

/// The longest poll interval, in those of a young build.
const MAX_POLL_FACTOR: u32 = 10;

impl JobConfig {
    /// The poll interval of a build of this age.
    ///
    /// It is a tenth of the age, so that an end whose event was lost is reported at most a tenth late, and ten thousand
    /// long builds cost a few calls a minute.
    pub(super) fn poll_interval(&self, age: Duration) -> Duration {
        (age / 10).clamp(self.build_poll_interval, self.build_poll_interval * MAX_POLL_FACTOR)
    }
}
