use doorbell_messages::CommitId;
use serde::{Deserialize, Serialize};

use crate::domain::build_record::{BuildRecord, FinalResult};
use crate::domain::launch::Launch;
use crate::domain::order::TurnWait;
use crate::domain::rejection::RejectionKind;
use crate::domain::timestamp::Timestamp;

/// The phase of a job. A field exists in the phases that have it, and in no other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "lowercase")]
pub enum Phase {
    /// Durable; the policy was not read yet, or the commit is not known yet.
    Received,
    /// The policy allowed it and the launch is frozen; no start call of the next attempt was claimed.
    Accepted {
        /// Everything that the start call needs.
        launch: Box<Launch>,
        /// The number of the next start token, counted from 1.
        attempt: u32,
        /// Why the job waits for the provider.
        waiting: Option<String>,
        /// What the job waits for on its ref; none where it has its turn, or needs none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        turn: Option<TurnWait>,
    },
    /// A start call was claimed: a build may or may not exist.
    Starting {
        /// Everything that the start call needs.
        launch: Box<Launch>,
        /// The number of the start token.
        attempt: u32,
        /// When the first call with this token was claimed.
        first_sent_at: Timestamp,
        /// When the latest call with it was claimed.
        last_sent_at: Timestamp,
        /// How many calls with it were claimed.
        start_calls: u32,
    },
    /// The build is known.
    Running {
        /// What it was started with.
        launch: Box<Launch>,
        /// The build.
        build: BuildRecord,
        /// Since when it is known.
        running_since: Timestamp,
        /// Since when the provider does not know it.
        missing_since: Option<Timestamp>,
    },
    /// The final status is known.
    Finished {
        /// What it is.
        result: FinalResult,
        /// The build, if there was one.
        build: Option<BuildRecord>,
        /// The commits that the build was compared with.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not_older_than: Vec<CommitId>,
    },
    /// The policy did not allow the request.
    Rejected {
        /// The kind, which leaves to strangers; none in rows of earlier versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<RejectionKind>,
        /// Why, for the project's owner.
        reason: String,
        /// When.
        at: Timestamp,
    },
}
