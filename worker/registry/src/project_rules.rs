use serde::{Deserialize, Serialize};

/// Whether pull requests are built. They are code from outside.
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

/// What happens when a start got no answer and, after every window has passed, no build is to be seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OnUnknownStart {
    /// Start it again.
    #[default]
    Retry,
    /// End the job as error: a person decides.
    Stop,
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
            Err(format!("{minutes} minutes: CodeBuild takes 5 to 2160"))
        }
    }
}

impl From<TimeoutMinutes> for u32 {
    fn from(minutes: TimeoutMinutes) -> u32 {
        minutes.0
    }
}
