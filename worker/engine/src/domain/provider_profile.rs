use std::time::Duration;

/// The facts of a build provider that decisions depend on.
///
/// The provider's adapter gives them. `next()` knows a provider by this value alone and never by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProviderProfile {
    /// The name that launches and builds carry.
    pub name: &'static str,
    /// How long after its first use a start token may be used again: within it a repeated call starts no second build.
    pub token_reuse_window: Duration,
    /// How long after the latest start call an empty listing proves that there is no build.
    pub absence_confirmed_after: Duration,
    /// How far before the first start call a build of it may be dated: the spread of two clocks.
    pub lookback: Duration,
    /// The longest time that a build waits in the provider's own queue.
    pub max_queue_time: Duration,
    /// The phases in which a build waits in the provider's own queue for its machine.
    pub queued_phases: &'static [&'static str],
    /// How many builds one call describes.
    pub max_describe_batch: usize,
}
