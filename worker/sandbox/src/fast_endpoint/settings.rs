use std::time::Duration;

use crate::seeded_rng::SeededRng;

/// The behavior of a fast endpoint; the defaults have no latency, fault or quota.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// Of both work queues.
    pub visibility_timeout: Duration,
    /// Calls of SSM that are served in any second, over all callers; the others are throttled. AWS: 40.
    pub ssm_calls_per_second: Option<usize>,
    /// The time that every AWS call but a long poll takes at least.
    pub aws_latency: Duration,
    /// The forge answers within this range.
    pub forge_latency: (Duration, Duration),
    /// How long a build runs; without it, until [`super::FastEndpoint::finish_builds`].
    pub build_duration: Option<Duration>,
    /// StartBuild is refused beyond it.
    pub concurrent_builds: Option<usize>,
    /// How long an idempotency token is remembered. AWS: 5 minutes.
    pub token_lifetime: Duration,
    /// Whether state changes of builds reach the event queue.
    pub sends_events: bool,
    /// Whether the registry's document says to report to the forge.
    pub reports: bool,
    /// Applied in this order; the first that fits a call and its turn decides.
    pub faults: Vec<FaultRule>,
}

impl Default for EndpointSettings {
    fn default() -> Self {
        Self {
            visibility_timeout: Duration::from_secs(60),
            ssm_calls_per_second: None,
            aws_latency: Duration::ZERO,
            forge_latency: (Duration::ZERO, Duration::ZERO),
            build_duration: None,
            concurrent_builds: None,
            token_lifetime: Duration::from_secs(300),
            sends_events: false,
            reports: false,
            faults: Vec::new(),
        }
    }
}

/// A fault of one operation's calls.
#[derive(Debug, Clone, Copy)]
pub struct FaultRule {
    /// The beginning of the operation's name: `DeleteMessage` is `DeleteMessageBatch`, too.
    pub operation: &'static str,
    /// Of its calls, as if drawn at random, and the same ones in every run.
    pub percent: u64,
    pub fault: EndpointFault,
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointFault {
    /// With an internal error, before anything is done.
    Refused,
    /// With an internal error, after it is done: the caller cannot know.
    ReplyLost,
    /// As throttled, before anything is done.
    Throttled,
}

impl FaultRule {
    /// Whether the call with this number fails.
    pub(super) fn applies(&self, operation: &str, number: u64) -> bool {
        operation.starts_with(self.operation) && SeededRng::new(number).below(100) < self.percent
    }
}
