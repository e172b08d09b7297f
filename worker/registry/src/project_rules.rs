use serde::{Deserialize, Serialize};

/// Whether pull requests are built.
///
/// They are code from outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum PullRequestRule {
    /// They are rejected.
    #[default]
    None,
    /// They are built by `unprivilegedBuildProject`, without secrets and variables.
    Unprivileged,
}

/// What happens if a start got no answer, and no build is found after every window has passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OnUnknownStart {
    /// Start it again.
    #[default]
    Retry,
    /// End the job with the status error: the owner decides.
    Stop,
}

/// How jobs of one ref are ordered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OrderRule {
    /// They run at the same time.
    #[default]
    Parallel,
    /// One after the other, in the order in which they were published.
    Serial,
    /// One after the other, the latest first. A job whose commit is older than one that ran steps aside.
    Newest,
}

impl OrderRule {
    /// Whether jobs of one ref run at the same time.
    pub fn is_parallel(&self) -> bool {
        *self == Self::Parallel
    }
}

/// Which of a project's jobs are announced by a done event, where the installation has a topic of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum AnnounceRule {
    /// None.
    None,
    /// Those that were accepted, or canceled before.
    #[default]
    Finished,
    /// Rejected ones as well: strangers can cause those, as often as they like.
    All,
}

/// Minutes that a build may take: 5 to 2160 (CodeBuild's own limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "u32", into = "u32")]
#[cfg_attr(feature = "schema", schemars(extend("minimum" = 5, "maximum" = 2160)))]
pub struct TimeoutMinutes(u32);

impl TimeoutMinutes {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for TimeoutMinutes {
    type Error = String;
    fn try_from(minutes: u32) -> Result<Self, String> {
        if (5..=2160).contains(&minutes) {
            Ok(Self(minutes))
        } else {
            Err(format!("invalid value {minutes}: expected 5 to 2160 minutes"))
        }
    }
}

/// Jobs that a project may run in an hour: 1 to 1000. The ledger counts them in one item, which must stay small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "u32", into = "u32")]
#[cfg_attr(feature = "schema", schemars(extend("minimum" = 1, "maximum" = 1000)))]
pub struct MaxJobsPerHour(u32);

impl MaxJobsPerHour {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for MaxJobsPerHour {
    type Error = String;
    fn try_from(jobs: u32) -> Result<Self, String> {
        if (1..=1000).contains(&jobs) {
            Ok(Self(jobs))
        } else {
            Err(format!("invalid value {jobs}: expected 1 to 1000 jobs"))
        }
    }
}

impl From<MaxJobsPerHour> for u32 {
    fn from(jobs: MaxJobsPerHour) -> u32 {
        jobs.0
    }
}

impl From<TimeoutMinutes> for u32 {
    fn from(minutes: TimeoutMinutes) -> u32 {
        minutes.0
    }
}
