//! Decisions without I/O: what a row becomes, given an observation and the time.
//!
//! Data modules are below; `next` imports them and none imports it. No vendor's word is in here: adapters map them.

mod backoff;
mod build_record;
mod config;
mod crash_record;
mod done_event;
mod due_times;
mod effect;
mod hourly_count;
mod installation;
mod intake;
mod launch;
mod next;
mod notification;
mod observation;
mod order;
mod phase;
mod policy;
mod provider_build;
mod provider_profile;
mod public_text;
mod rejection;
mod report_target;
mod row;
mod series;
mod series_cancel;
mod status_report;
mod timestamp;
mod trail;

#[cfg(test)]
mod tests;

pub use build_record::{BuildRecord, BuildStage, CommandRan, FinalResult, LogLocation};
pub use config::{JobConfig, LEASE, SEND_DEADLINE, SETTLED_RETENTION};
pub(crate) use config::{MAX_UNWRITTEN_RECEIPT_AGE, STALE_REPORT_WINDOW};
pub(crate) use crash_record::CrashEvidence;
pub use done_event::{DoneEventState, PublishOutcome};
pub use effect::{Admission, BuildQuery, DecisionContext, Effect};
pub use hourly_count::{CountOutcome, HourlyCount};
pub use installation::InstallationId;
pub use intake::{IncomingRequest, Relation, SeriesPlace};
pub use launch::{BuildVariable, BuildVariableKind, Launch, LaunchSpec};
pub use next::{Decision, next};
pub(crate) use notification::Receipt;
pub use notification::{NotificationState, ReportEntry, StatusAt};
pub use observation::{DeliveryOutcome, Observation, PolicyLookup, RefResolution, StartOutcome};
pub use order::{BuiltJob, OrderItem, OrderScope, OrderedJob, QueuePosition, TurnOutcome, TurnWait};
pub(crate) use order::{MAX_CANDIDATES, Turn};
pub use phase::Phase;
pub use policy::{Policy, RegistryDocuments};
pub use provider_build::{BuildOutcome, BuildState, FailedStage, ProviderBuild, one_line};
pub use provider_profile::ProviderProfile;
pub use public_text::public_text;
pub use rejection::{Rejection, RejectionKind};
pub use report_target::{ForgeRepository, ReportTarget};
pub use row::{DeniedStart, DesiredState, Row};
pub use series::{RepeatRequest, SeriesEntry, SourceMessage};
pub use status_report::StatusReport;
pub use timestamp::Timestamp;
pub use trail::{TrailEntry, TrailKind};
