//! Receives messages of one queue by long polls, and handles each batch in a task of its own.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::acks::{acknowledge, dead_letter};
use crate::gathered_acks::GatheredAcks;
use crate::job_tasks::{CapacityPermit, TaskPool};
use crate::liveness::{Liveness, LoopKind};
use crate::panics::catch_panic;
use crate::ports::{Delivery, MessageQueue};

/// The longest that SQS holds an empty poll.
const LONG_POLL_TIMEOUT: Duration = Duration::from_secs(20);

/// The most messages that SQS delivers at once.
const RECEIVE_BATCH: usize = 10;

/// Polls of one queue at once. One poll receives up to ten messages in some ten milliseconds.
const MAX_POLLS: usize = 4;

/// Pause after a poll that received several messages, but no full batch: the next poll then receives more at once.
///
/// Where messages come one at a time there is none.
const GATHER_PAUSE: Duration = Duration::from_millis(5);

/// Time that a stop leaves to polls in flight.
///
/// SQS may deliver messages to a caller that has gone, which then wait out their visibility timeout. A poll returns
/// sooner where messages arrive; where none arrive, the worker loses none with it.
const POLL_DRAIN_TIMEOUT: Duration = Duration::from_secs(4);

/// Handlings of a message that may panic.
const MAX_HANDLINGS: u32 = 3;

/// After failed receives: doubled each time, without an end.
const RECEIVE_BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(500))
    .with_max_delay(Duration::from_secs(20))
    .without_max_times();

/// Receives from one queue within the worker's capacity.
#[derive(Debug)]
pub(crate) struct Receiver {
    loop_kind: LoopKind,
    pool: Arc<TaskPool>,
    liveness: Arc<Liveness>,
}

impl Receiver {
    pub(crate) fn new(loop_kind: LoopKind, pool: Arc<TaskPool>, liveness: Arc<Liveness>) -> Self {
        Self { loop_kind, pool, liveness }
    }

    /// Receives until `stop` and handles each batch. Without capacity messages wait in the queue.
    pub(crate) async fn run<Q, F>(
        &self,
        queue: Q,
        stop: CancellationToken,
        handle: impl Fn(Arc<GatheredAcks<Q>>, Vec<Delivery>, CapacityPermit) -> F,
    ) where
        Q: MessageQueue,
        F: Future<Output = ()> + Send + 'static,
    {
        let queue = Arc::new(GatheredAcks::new(queue, Arc::clone(&self.pool)));
        let on_answer = || self.liveness.record_success(self.loop_kind);
        let (queue, handle) = (&queue, &handle);
        poll(self.loop_kind.name(), queue, &stop, on_answer, |batch| async move {
            for group in isolate_redelivered(batch) {
                // Without capacity the messages are redelivered.
                let Some(capacity) = self.pool.acquire(group.len()).await else { return };
                let poison_candidate = poison_candidate(&group);
                let handling = handle(Arc::clone(queue), group, capacity);
                self.pool.spawn(handle_group(Arc::clone(queue), handling, poison_candidate));
            }
        })
        .await;
    }
}

/// Handles a group; a message whose handling panics once more goes to the dead-letter queue.
async fn handle_group<Q: MessageQueue>(
    queue: Arc<Q>,
    handling: impl Future<Output = ()>,
    poison_candidate: Option<Delivery>,
) {
    if let Err(message) = catch_panic(handling, "handling messages").await
        && let Some(delivery) = poison_candidate
    {
        let acks = dead_letter(&*queue, delivery, format!("handling it panicked: {message}")).await;
        acknowledge(&*queue, acks.into_iter().collect()).await;
    }
}

/// Groups a batch so that each redelivered message is handled alone.
///
/// Such a message may have crashed its handler before, together with the other messages of its batch.
fn isolate_redelivered(batch: Vec<Delivery>) -> Vec<Vec<Delivery>> {
    let (fresh, redelivered): (Vec<Delivery>, Vec<Delivery>) =
        batch.into_iter().partition(|delivery| delivery.receive_count <= 1);
    let alone = redelivered.into_iter().map(|delivery| vec![delivery]);
    std::iter::once(fresh).filter(|fresh| !fresh.is_empty()).chain(alone).collect()
}

/// The message that goes to the dead-letter queue if this handling panics.
fn poison_candidate(group: &[Delivery]) -> Option<Delivery> {
    match group {
        [only] if only.receive_count >= MAX_HANDLINGS => Some(only.clone()),
        _ => None,
    }
}

/// Polls one queue until `stop`. An idle queue has one long poll; a full batch doubles the polls, another ends one.
///
/// A stop ends only the waiting: a batch that was received is handled, and so is what the polls in flight receive
/// within [`POLL_DRAIN_TIMEOUT`].
async fn poll<Q, F>(
    name: &str,
    queue: &Arc<Q>,
    stop: &CancellationToken,
    on_answer: impl Fn(),
    handle: impl Fn(Vec<Delivery>) -> F,
) where
    Q: MessageQueue,
    F: Future<Output = ()>,
{
    let mut polls = FuturesUnordered::new();
    let mut target_polls = 1;
    let mut backoff = None;
    loop {
        while polls.len() < target_polls {
            polls.push(queue.receive(LONG_POLL_TIMEOUT));
        }
        let answer = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(answer) = polls.next() => answer,
        };
        match answer {
            Ok(batch) => {
                if backoff.take().is_some() {
                    info!(queue = name, "ReceiveMessage recovered");
                }
                on_answer();
                target_polls = if batch.len() == RECEIVE_BATCH {
                    (target_polls * 2).min(MAX_POLLS)
                } else {
                    target_polls.saturating_sub(1).max(1)
                };
                let is_partial = (2..RECEIVE_BATCH).contains(&batch.len());
                if !batch.is_empty() {
                    handle(batch).await;
                }
                if is_partial {
                    tokio::time::sleep(GATHER_PAUSE).await;
                }
            }
            Err(error) => {
                target_polls = 1;
                warn!(queue = name, "ReceiveMessage failed: {error}");
                let pause = backoff.get_or_insert_with(|| RECEIVE_BACKOFF.build()).next().unwrap_or_default();
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
    let end = tokio::time::Instant::now() + POLL_DRAIN_TIMEOUT;
    while let Ok(Some(answer)) = tokio::time::timeout_at(end, polls.next()).await {
        // A poll that failed received nothing, as far as the worker can know.
        if let Ok(batch) = answer
            && !batch.is_empty()
        {
            handle(batch).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stubs::{QueueStub, delivery};

    #[tokio::test]
    async fn redelivered_messages_are_handled_alone() {
        let queue = QueueStub::default();
        queue.send([delivery("1", 1), delivery("2", 2), delivery("3", 1), delivery("4", 3)]);
        let pool = Arc::new(TaskPool::new(10));
        let receiver = Receiver::new(LoopKind::Triggers, Arc::clone(&pool), Arc::default());
        let stop = CancellationToken::new();
        let (groups, seen) = (Arc::new(std::sync::Mutex::new(Vec::new())), stop.clone());
        receiver
            .run(queue.clone(), stop, |_, batch, _| {
                let ids: Vec<String> = batch.into_iter().map(|delivery| delivery.message_id).collect();
                let is_last = ids == ["4"];
                groups.lock().unwrap().push(ids);
                if is_last {
                    seen.cancel();
                }
                async move { assert!(!is_last, "poison") }
            })
            .await;
        pool.drain().await;
        assert_eq!(*groups.lock().unwrap(), [vec!["1", "3"], vec!["2"], vec!["4"]]);
        assert_eq!(queue.acked(), ["4"], "the third handling panicked");
        assert_eq!(queue.dead_letters().len(), 1);
    }
}
