//! Decisions without I/O: what a row becomes, given what was seen and the time.

mod backoff;
mod deployment;
mod launch;
mod next;
mod outcome;
mod policy;
mod report;
mod row;
mod rules;
mod sight;
mod strike;
mod target;
mod telling;
mod timestamp;

#[cfg(test)]
mod tests;

pub use deployment::Deployment;
pub use launch::{Launch, StartInput, Variable, VariableKind};
pub use next::{Step, next};
pub use outcome::one_line;
pub use outcome::{FailedPhase, ProviderBuild};
pub use policy::{Documents, Policy, Rejection};
pub use report::Report;
pub use row::{Build, Ending, Message, Note, Phase, Row, Wanted};
pub use rules::{Initiator, KEEP_SETTLED, LEASE, Rules, SEND_WITHIN};
pub use sight::{Act, HeadSeen, Passage, PolicySeen, Search, Seen, SendSeen, Situation, TellSeen};
pub(crate) use strike::Strike;
pub use target::{ForgeSide, Target};
pub use telling::{Telling, Told};
pub use timestamp::Timestamp;
