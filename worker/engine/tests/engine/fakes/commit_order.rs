//! A linear history: a commit's id is its place. What the runner does with it, and which commands ran when.

use doorbell_engine::domain::{LaunchSpec, Timestamp};
use doorbell_messages::{COMMIT, NOT_OLDER_THAN};

/// The id of the commit at this place of the history.
pub fn commit_id(place: u64) -> String {
    format!("{place:040x}")
}

/// Whether the runner steps aside: a listed commit is younger than the one to build.
pub fn is_older(spec: &LaunchSpec) -> bool {
    let value = |name: &str| spec.environment.iter().find(|variable| variable.name == name);
    let Some(commit) = value(COMMIT) else { return false };
    // Ids of one length compare as their places.
    value(NOT_OLDER_THAN).is_some_and(|listed| listed.value.split(',').any(|listed| listed > commit.value.as_str()))
}

/// When a command ran, and on which commit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommandInterval {
    pub from: Timestamp,
    pub to: Timestamp,
    pub commit: String,
}
