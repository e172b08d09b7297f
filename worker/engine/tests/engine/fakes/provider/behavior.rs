use std::collections::BTreeMap;
use std::time::Duration;

use doorbell_engine::domain::BuildOutcome;

/// How builds and their events behave.
#[derive(Debug, Clone)]
pub struct ProviderBehavior {
    /// Builds that run at once.
    pub build_limit: usize,
    /// Limits of single build projects, below that one.
    pub project_limits: BTreeMap<String, usize>,
    /// Duration of a StartBuild call.
    pub start_time: Duration,
    pub build_time: Duration,
    /// How a build ends.
    pub result: BuildOutcome,
    /// Copies of each event; 0 loses all events.
    pub event_copies: u32,
    /// Delay of an event. A delay longer than the build reorders the events.
    pub start_event_after: Duration,
    pub end_event_after: Duration,
    /// Time for which listings lack a new build.
    pub listing_lag: Duration,
    /// Time for which BatchGetBuilds shows an ended build as running.
    pub describe_lag: Duration,
    /// StartBuild is denied, as by IAM.
    pub is_denied: bool,
}

impl Default for ProviderBehavior {
    fn default() -> Self {
        Self {
            build_limit: 20,
            project_limits: BTreeMap::new(),
            start_time: Duration::from_millis(100),
            build_time: Duration::from_secs(30),
            result: BuildOutcome::Success,
            event_copies: 1,
            start_event_after: Duration::from_millis(300),
            end_event_after: Duration::from_millis(300),
            listing_lag: Duration::from_secs(20),
            describe_lag: Duration::ZERO,
            is_denied: false,
        }
    }
}
