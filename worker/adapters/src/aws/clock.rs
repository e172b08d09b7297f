use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::DateTime;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::Format;
use doorbell_engine::domain::Timestamp;
use doorbell_engine::ports::Clock;
use tokio::time::Instant;
use tracing::warn;

/// A `Date` header has whole seconds and has been on its way: within this, it agrees with what is trusted.
const TOLERANCE: Duration = Duration::from_millis(2500);

/// AWS's time, learnt from the `Date` headers of its answers and carried on by the monotonic clock: workers whose
/// own clocks are wrong still agree on what is due and which token is still good.
#[derive(Debug, Clone, Default)]
pub struct AwsClock(Arc<Mutex<ClockState>>);

#[derive(Debug, Default)]
enum ClockState {
    /// No service has answered yet.
    #[default]
    Unknown,
    /// This is the time.
    Known(ClockAnchor),
    /// An answer contradicted what was trusted; until a second one agrees with it, nothing is decided.
    Jumped(ClockAnchor),
}

#[derive(Debug, Clone, Copy)]
struct ClockAnchor {
    at: Instant,
    time: Timestamp,
}

impl ClockAnchor {
    fn now(self) -> Timestamp {
        self.time + self.at.elapsed()
    }

    fn agrees_with(self, observed: Timestamp) -> bool {
        self.now().duration_since(observed).max(observed.duration_since(self.now())) <= TOLERANCE
    }
}

impl AwsClock {
    /// Takes in a `Date` header. The header is the beginning of a second: half of one is added.
    fn observe(&self, date: Timestamp) {
        let observed = ClockAnchor { at: Instant::now(), time: date + Duration::from_millis(500) };
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            ClockState::Known(known) if known.agrees_with(observed.time) => {}
            ClockState::Known(known) => {
                warn!(trusted = %known.now(), observed = %observed.time, "AWS's time has jumped: not ready until a second answer agrees");
                *state = ClockState::Jumped(observed);
            }
            ClockState::Jumped(jumped) if jumped.agrees_with(observed.time) => *state = ClockState::Known(observed),
            ClockState::Jumped(_) => *state = ClockState::Jumped(observed),
            ClockState::Unknown => *state = ClockState::Known(observed),
        }
    }
}

impl Clock for AwsClock {
    fn now(&self) -> Option<Timestamp> {
        match *self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            ClockState::Known(known) => Some(known.now()),
            ClockState::Unknown | ClockState::Jumped(_) => None,
        }
    }
}

impl Intercept for AwsClock {
    fn name(&self) -> &'static str {
        "AwsClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date =
            context.response().headers().get("date").and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Some(millis) = date.and_then(|date| date.to_millis().ok()) {
            self.observe(Timestamp::from_millis(millis));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_795_262_400_000;

    fn observe_millis(clock: &AwsClock, millis: i64) {
        clock.observe(Timestamp::from_millis(millis));
    }

    #[tokio::test(start_paused = true)]
    async fn aws_clock_starts_at_first_response_and_advances() {
        let clock = AwsClock::default();
        assert_eq!(clock.now(), None);
        observe_millis(&clock, NOON);
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(clock.now(), Some(Timestamp::from_millis(NOON + 30_500)));
    }

    #[tokio::test(start_paused = true)]
    async fn aws_clock_ignores_differences_within_tolerance() {
        let clock = AwsClock::default();
        observe_millis(&clock, NOON);
        observe_millis(&clock, NOON + 2000);
        assert_eq!(clock.now(), Some(Timestamp::from_millis(NOON + 500)));
    }

    #[tokio::test(start_paused = true)]
    async fn aws_clock_jump_needs_a_second_agreeing_response() {
        let clock = AwsClock::default();
        observe_millis(&clock, NOON);
        observe_millis(&clock, NOON + 600_000);
        assert_eq!(clock.now(), None);
        observe_millis(&clock, NOON + 600_000);
        assert_eq!(clock.now(), Some(Timestamp::from_millis(NOON + 600_500)));
    }
}
