//! Decisions without I/O: what a row becomes, given what was seen and the time.

mod backoff;
mod config;
mod crash_record;
mod installation;
mod launch;
mod next;
mod notification;
mod observation;
mod policy;
mod provider_build;
mod report_target;
mod row;
mod status_report;
mod timestamp;

#[cfg(test)]
mod tests;

pub use config::{Initiator, JobConfig, LEASE, SEND_DEADLINE, SETTLED_RETENTION};
pub(crate) use crash_record::CrashEvidence;
pub use installation::InstallationId;
pub use launch::{BuildVariable, BuildVariableKind, Launch, LaunchSpec};
pub use next::{Decision, next};
pub use notification::{NotificationState, StatusAt};
pub use observation::{
    Admission, BuildQuery, DecisionContext, DeliveryOutcome, Effect, Observation, PolicyLookup, RefResolution,
    StartOutcome,
};
pub use policy::{Policy, RegistryDocuments, Rejection};
pub use provider_build::one_line;
pub use provider_build::{FailedStage, ProviderBuild};
pub use report_target::{ForgeRepository, ReportTarget};
pub use row::{BuildRecord, DesiredState, FinalResult, Phase, Row, SourceMessage, TrailEntry};
pub use status_report::StatusReport;
pub use timestamp::Timestamp;
