use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use doorbell_messages::JobKey;
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use crate::admission::Permits;
use crate::domain::{Effect, Observation, Row};
use crate::drive::{JobDriver, PersistedDecision};
use crate::effects::EffectExecutor;
use crate::limiter::Permit;

/// A driver that only notes what it is asked for: the job, the observation, and whether a permit came with it.
#[derive(Debug, Default)]
pub(crate) struct DriverStub {
    calls: Mutex<Vec<(JobKey, Observation, bool)>>,
    resumed: Mutex<Vec<JobKey>>,
    called: Notify,
}

impl DriverStub {
    pub(crate) fn calls(&self) -> Vec<(JobKey, Observation, bool)> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn resumed(&self) -> Vec<JobKey> {
        self.resumed.lock().unwrap().clone()
    }

    pub(crate) async fn wait_for_call(&self) {
        self.called.notified().await;
    }
}

impl JobDriver for DriverStub {
    async fn drive(&self, row: Row, observation: Observation, permit: Option<Permit>) {
        self.calls.lock().unwrap().push((row.key, observation, permit.is_some()));
        self.called.notify_one();
    }

    async fn drive_and_signal(&self, row: Row, observation: Observation, applied: oneshot::Sender<()>) {
        self.drive(row, observation, None).await;
        let _ = applied.send(());
    }

    async fn resume(&self, persisted: PersistedDecision) {
        self.resumed.lock().unwrap().push(persisted.row.key);
    }
}

/// Answers effects with observations that were given, in order.
#[derive(Debug, Clone)]
pub(crate) struct EffectsStub {
    observations: Arc<Mutex<VecDeque<Observation>>>,
    executed: Arc<Mutex<Vec<Effect>>>,
}

impl EffectsStub {
    pub(crate) fn new(observations: impl IntoIterator<Item = Observation>) -> Self {
        Self { observations: Arc::new(Mutex::new(observations.into_iter().collect())), executed: Arc::default() }
    }

    pub(crate) fn executed(&self) -> Vec<Effect> {
        self.executed.lock().unwrap().clone()
    }
}

impl EffectExecutor for EffectsStub {
    async fn execute(&self, _: &Row, effect: &Effect, _: &mut Permits, _: Instant) -> Option<Observation> {
        self.executed.lock().unwrap().push(effect.clone());
        self.observations.lock().unwrap().pop_front()
    }
}
