use std::time::Duration;

use crate::domain::installation::InstallationId;

/// A send is only made within this time of its claim's write (monotonic clock): a worker that was paused longer
/// must not send what another may have taken over.
pub const SEND_DEADLINE: Duration = Duration::from_secs(10);

/// How long a claim, of a send or of a telling, keeps other workers off the row.
pub const LEASE: Duration = Duration::from_secs(60);

/// CodeBuild honours an idempotency token for 5 minutes (its user guide, `run-build-cli`); a takeover repeats it
/// for one minute less, so that a repeat that is slow on its way still falls inside.
pub(super) const TOKEN_REUSE_WINDOW: Duration = Duration::from_secs(4 * 60);

/// How far before the first send a build of ours could be dated: the spread of two clocks.
pub(super) const SEARCH_LOOKBACK: Duration = Duration::from_secs(5 * 60);

/// When "no such build" is believed: a paused sender may still send within the token's life and its own 10 s, and
/// how soon a listing shows a new build is not documented.
pub(super) const ABSENCE_CONFIRMED_AFTER: Duration = Duration::from_secs(16 * 60);

/// How often it is looked again meanwhile.
pub(super) const SEARCH_INTERVAL: Duration = Duration::from_secs(30);

/// "queued" is told only to those who have waited this long: most builds start sooner.
pub(super) const QUEUED_STATUS_DELAY: Duration = Duration::from_secs(10);

/// A telling whose outcome is unknown may still be on its way for so long: the final status is told once more
/// after it.
pub(super) const RESEND_FINAL_AFTER: Duration = Duration::from_secs(120);

/// How long after a job's end its final status is offered to a forge that does not take it: longer than a week-end
/// and than any outage seen, and still an end.
pub(super) const REPORT_DEADLINE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A build that the provider no longer knows is given up after this long.
pub(super) const LOST_BUILD_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// CodeBuild's longest time in its own queue (default and maximum, user guide `limits`).
pub(super) const MAX_PROVIDER_QUEUE_TIME: Duration = Duration::from_secs(8 * 60 * 60);

/// After an event that says "ended" while the provider says "not yet".
pub(super) const REDESCRIBE_DELAY: Duration = Duration::from_secs(5);

/// A settled row stays readable for so long.
pub const SETTLED_RETENTION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Entries in a row's trail; the oldest but the first go.
pub(super) const MAX_TRAIL_LENGTH: usize = 24;

/// So much is held against a row before it is put aside. A worker that is killed from outside in the middle of a
/// handling looks like one that died of it: that has to happen twelve times in a row, which takes hours.
pub(super) const MAX_CRASH_SCORE: u32 = 12;

/// The longest that a row which kills its workers is left alone between two of them.
pub(super) const MAX_LEASE: Duration = Duration::from_secs(15 * 60);

/// How long a worker has lived for its death to be the row's that it had in hand: where workers are killed sooner,
/// whatever they do, deaths are counted only so far.
pub(super) const MIN_WORKER_UPTIME: Duration = Duration::from_secs(60);

/// So far: what is left to the twelve has to happen to workers that had lived.
pub(super) const MAX_SCORE_FROM_YOUNG_WORKERS: u32 = 8;

/// A row whose due time passed so long ago without anybody having moved it may be what its workers die of.
pub(super) const OVERDUE_AFTER: Duration = Duration::from_secs(60);

/// Who starts a worker's builds, as the provider shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initiator {
    /// Any session of this role: a task's end and another's start change the session.
    Role(String),
    /// This user.
    User(String),
}

impl Initiator {
    /// Whether a build that shows `who` is this one's.
    pub fn matches(&self, who: &str) -> bool {
        match self {
            Self::Role(role) => who.split_once('/').is_some_and(|(shown, _)| shown == role),
            Self::User(user) => who == user,
        }
    }
}

/// What the owner of the account sets, and what this worker is.
#[derive(Debug, Clone)]
pub struct JobConfig {
    /// This installation, unlike any other in the account or on a forge.
    pub installation: InstallationId,
    /// Whom the provider shows as the initiator of this worker's builds.
    pub initiator: Initiator,
    /// Requests published longer ago than this are rejected as old news: SNS retries for 23 days and dead-letter
    /// queues are redriven by people.
    pub max_request_age: Duration,
    /// How long a job may wait for a build, whatever for.
    pub queue_timeout: Duration,
    /// How long a running build may be quiet before the provider is asked, as long as it is young; an old one may be
    /// quiet for a tenth of its age, and at most for ten times as long.
    pub build_poll_interval: Duration,
    /// The provider's page of all build projects; a build project's name after a slash makes its own. The flag's link
    /// before there is a log.
    pub console_url: String,
}

/// The longest that an old build may be quiet, in young ones' times.
const MAX_POLL_FACTOR: u32 = 10;

impl JobConfig {
    /// How long a build of this age may be quiet: a tenth of its age, so that an end whose event was lost is told at
    /// most a tenth late, and ten thousand long builds cost some calls a minute.
    pub(super) fn poll_interval(&self, age: Duration) -> Duration {
        (age / 10).clamp(self.build_poll_interval, self.build_poll_interval * MAX_POLL_FACTOR)
    }
}
