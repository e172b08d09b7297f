use std::collections::BTreeMap;
use std::time::Duration;

use doorbell_engine::domain::{PublishOutcome, Timestamp};
use doorbell_engine::ports::DoneEventPublisher;
use doorbell_messages::DoneEvent;

use super::{PortCall, SeededRng, SimulatedWorker, lock};

/// A topic with one subscriber, who keeps everything.
#[derive(Debug, Default)]
pub struct FakeTopic {
    /// What the subscriber got: the bytes of each event by its id, with the time of each delivery.
    pub received: BTreeMap<String, Vec<(Timestamp, String)>>,
    /// It refuses each event.
    pub is_gone: bool,
    /// Random failures, with and without a delivery.
    pub rng: Option<SeededRng>,
}

impl DoneEventPublisher for SimulatedWorker {
    async fn publish(&self, event: &DoneEvent) -> PublishOutcome {
        if let Err(error) = self.process.before(PortCall::PublishDoneEvent).await {
            return PublishOutcome::Failed(error.to_string());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.process.wait_alive().await;
        let now = self.services.now();
        {
            let mut topic = lock(&self.services.topic);
            if topic.is_gone {
                return PublishOutcome::Refused("the topic does not exist".to_owned());
            }
            let failure = topic.rng.as_mut().map_or(9, |rng| rng.below(10));
            if failure == 0 {
                return PublishOutcome::Failed("it answers 503".to_owned());
            }
            topic.received.entry(event.id.clone()).or_default().push((now, event.to_json()));
            if failure == 1 {
                return PublishOutcome::Failed("it did not answer in time".to_owned());
            }
        }
        match self.process.after(PortCall::PublishDoneEvent).await {
            Ok(()) => PublishOutcome::Published,
            Err(error) => PublishOutcome::Failed(error.to_string()),
        }
    }
}
