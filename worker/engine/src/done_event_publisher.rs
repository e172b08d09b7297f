use std::future::Future;

use doorbell_messages::DoneEvent;

use crate::domain::PublishOutcome;

/// The topic of done events.
pub trait DoneEventPublisher: Send + Sync {
    /// Publishes an event, in one attempt. It may be published again: subscribers know it by its id.
    fn publish(&self, event: &DoneEvent) -> impl Future<Output = PublishOutcome> + Send;
}
