use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::engine::Engine;
use crate::liveness::LoopKind;
use crate::panics::catch_panic;
use crate::ports::{Delivery, MessageQueue, Ports, ReceiptHandle};

/// The longest that SQS holds an empty poll.
const LONG_POLL_TIMEOUT: Duration = Duration::from_secs(20);

/// The most messages that SQS hands out at once.
const RECEIVE_BATCH: usize = 10;

/// Polls of one queue at once, at the most. One poll brings up to ten messages in some ten milliseconds.
const MAX_POLLS: usize = 4;

/// After a stop, for polls that are out: SQS may hand messages to a caller that has gone, which then wait out their
/// visibility timeout. Where messages flow a poll comes back sooner; where none do, none is lost with it.
const POLL_DRAIN_TIMEOUT: Duration = Duration::from_secs(4);

/// Handlings of a message that may panic.
const MAX_HANDLINGS: u32 = 3;

/// Room among the jobs in hand, one for each message.
pub(crate) type CapacityPermit = OwnedSemaphorePermit;

/// After failed receives: doubled each time, without an end.
const RECEIVE_BACKOFF: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(500))
    .with_max_delay(Duration::from_secs(20))
    .without_max_times();

impl<P: Ports> Engine<P> {
    /// Receives from one queue until told to stop, and handles each batch in a task of its own. Without room for
    /// another batch nothing more is received: what waits then waits in the queue.
    pub(crate) async fn receive<Q, F>(
        self: Arc<Self>,
        loop_kind: LoopKind,
        queue: Q,
        stop: CancellationToken,
        handle: impl Fn(Arc<Self>, Arc<Q>, Vec<Delivery>, CapacityPermit) -> F,
    ) where
        Q: MessageQueue,
        F: Future<Output = ()> + Send + 'static,
    {
        let queue = Arc::new(queue);
        let on_answer = || self.liveness().record_success(loop_kind);
        receive(loop_kind.name(), &queue, &stop, on_answer, |batch| {
            let (engine, queue) = (Arc::clone(&self), Arc::clone(&queue));
            let handle = &handle;
            async move {
                for group in isolate_redelivered(batch) {
                    let needed = u32::try_from(group.len().min(engine.config.max_in_flight)).unwrap_or(u32::MAX);
                    // The semaphore is never closed; if it were, the messages would just come back.
                    let Ok(capacity) = Arc::clone(&engine.capacity).acquire_many_owned(needed).await else { return };
                    let poison_candidate = poison_candidate(&group);
                    let handling = handle(Arc::clone(&engine), Arc::clone(&queue), group, capacity);
                    engine.tasks.spawn(Arc::clone(&engine).handle_group(
                        Arc::clone(&queue),
                        handling,
                        poison_candidate,
                    ));
                }
            }
        })
        .await;
    }

    async fn handle_group<Q: MessageQueue>(
        self: Arc<Self>,
        queue: Arc<Q>,
        handling: impl Future<Output = ()>,
        poison_candidate: Option<Delivery>,
    ) {
        if let Err(message) = catch_panic(handling, "handling messages").await
            && let Some(delivery) = poison_candidate
        {
            let acks = self.dead_letter(&*queue, delivery, format!("handling it panicked: {message}")).await;
            acknowledge(&*queue, acks.into_iter().collect()).await;
        }
    }
}

/// A message that was handed out before may be what its handler died of: it is handled by itself, so that it takes no
/// other one with it again.
fn isolate_redelivered(batch: Vec<Delivery>) -> Vec<Vec<Delivery>> {
    let (fresh, redelivered): (Vec<Delivery>, Vec<Delivery>) =
        batch.into_iter().partition(|delivery| delivery.receive_count <= 1);
    let alone = redelivered.into_iter().map(|delivery| vec![delivery]);
    std::iter::once(fresh).filter(|fresh| !fresh.is_empty()).chain(alone).collect()
}

/// A message that is buried if this handling of it fails, too.
fn poison_candidate(group: &[Delivery]) -> Option<Delivery> {
    match group {
        [only] if only.receive_count >= MAX_HANDLINGS => Some(only.clone()),
        _ => None,
    }
}

/// Receives from one queue until told to stop. Idle, one long poll is out; full answers double the polls, and any
/// other answer takes one back. Only the waiting is cut short by a stop: a batch that was taken is handled, and what
/// the polls that are out bring within [`POLL_DRAIN_TIMEOUT`], too.
async fn receive<Q, F>(
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
                    info!(queue = name, "receiving again");
                }
                on_answer();
                target_polls = if batch.len() == RECEIVE_BATCH {
                    (target_polls * 2).min(MAX_POLLS)
                } else {
                    target_polls.saturating_sub(1).max(1)
                };
                if !batch.is_empty() {
                    handle(batch).await;
                }
            }
            Err(error) => {
                target_polls = 1;
                warn!(queue = name, "nothing can be received: {error}");
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
        // One that failed brought nothing, as far as anybody can know.
        if let Ok(batch) = answer
            && !batch.is_empty()
        {
            handle(batch).await;
        }
    }
}

/// Deletes messages that are done with. One that is not deleted comes back, and meets its row.
pub(crate) async fn acknowledge(queue: &impl MessageQueue, receipts: Vec<ReceiptHandle>) {
    if receipts.is_empty() {
        return;
    }
    if let Err(error) = queue.ack(receipts).await {
        info!("messages were not deleted and will come back: {error}");
    }
}
