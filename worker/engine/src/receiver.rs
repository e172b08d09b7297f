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
use crate::panics::caught;
use crate::ports::{Deliveries, Delivery, Receipt, World};
use crate::pulse::Part;

/// The longest that SQS holds an empty poll.
const LONG_POLL: Duration = Duration::from_secs(20);

/// The most messages that SQS hands out at once.
const FULL: usize = 10;

/// Polls of one queue at once, at the most. One poll brings up to ten messages in some ten milliseconds.
const MOST_POLLS: usize = 4;

/// After a stop, for polls that are out: SQS may hand messages to a caller that has gone, which then wait out their
/// visibility timeout. Where messages flow a poll comes back sooner; where none do, none is lost with it.
const LAST_ANSWERS: Duration = Duration::from_secs(4);

/// Handlings of a message that may panic.
const MOST_HANDLINGS: u32 = 3;

/// Room among the jobs in hand, one for each message.
pub(crate) type Room = OwnedSemaphorePermit;

/// After failed receives: doubled each time, without an end.
const PAUSES: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(500))
    .with_max_delay(Duration::from_secs(20))
    .without_max_times();

impl<W: World> Engine<W> {
    /// Receives from one queue until told to stop, and handles each batch in a task of its own. Without room for
    /// another batch nothing more is received: what waits then waits in the queue.
    pub(crate) async fn receive<D, F>(
        self: Arc<Self>,
        part: Part,
        deliveries: D,
        stop: CancellationToken,
        handle: impl Fn(Arc<Self>, Arc<D>, Vec<Delivery>, Room) -> F,
    ) where
        D: Deliveries,
        F: Future<Output = ()> + Send + 'static,
    {
        let deliveries = Arc::new(deliveries);
        let on_answer = || self.pulse().beat(part);
        receive(part.name(), &deliveries, &stop, on_answer, |batch| {
            let (engine, deliveries) = (Arc::clone(&self), Arc::clone(&deliveries));
            let handle = &handle;
            async move {
                for group in groups(batch) {
                    let many = u32::try_from(group.len().min(engine.settings.max_in_flight)).unwrap_or(u32::MAX);
                    // The semaphore is never closed; if it were, the messages would just come back.
                    let Ok(room) = Arc::clone(&engine.room).acquire_many_owned(many).await else { return };
                    let suspect = suspect(&group);
                    let handling = handle(Arc::clone(&engine), Arc::clone(&deliveries), group, room);
                    engine.tasks.spawn(Arc::clone(&engine).handle_group(Arc::clone(&deliveries), handling, suspect));
                }
            }
        })
        .await;
    }

    async fn handle_group<D: Deliveries>(
        self: Arc<Self>,
        deliveries: Arc<D>,
        handling: impl Future<Output = ()>,
        suspect: Option<Delivery>,
    ) {
        if let Err(said) = caught(handling, "handling messages").await
            && let Some(delivery) = suspect
        {
            let acks = self.bury(&*deliveries, delivery, format!("handling it panicked: {said}")).await;
            acknowledge(&*deliveries, acks.into_iter().collect()).await;
        }
    }
}

/// A message that was handed out before may be what its handler died of: it is handled by itself, so that it takes no
/// other one with it again.
fn groups(batch: Vec<Delivery>) -> Vec<Vec<Delivery>> {
    let (fresh, back): (Vec<Delivery>, Vec<Delivery>) =
        batch.into_iter().partition(|delivery| delivery.receive_count <= 1);
    let alone = back.into_iter().map(|delivery| vec![delivery]);
    std::iter::once(fresh).filter(|fresh| !fresh.is_empty()).chain(alone).collect()
}

/// A message that is buried if this handling of it fails, too.
fn suspect(group: &[Delivery]) -> Option<Delivery> {
    match group {
        [only] if only.receive_count >= MOST_HANDLINGS => Some(only.clone()),
        _ => None,
    }
}

/// Receives from one queue until told to stop. Idle, one long poll is out; full answers double the polls, and any
/// other answer takes one back. Only the waiting is cut short by a stop: a batch that was taken is handled, and what
/// the polls that are out bring within [`LAST_ANSWERS`], too.
async fn receive<D, F>(
    name: &str,
    deliveries: &Arc<D>,
    stop: &CancellationToken,
    on_answer: impl Fn(),
    handle: impl Fn(Vec<Delivery>) -> F,
) where
    D: Deliveries,
    F: Future<Output = ()>,
{
    let mut polls = FuturesUnordered::new();
    let mut wanted = 1;
    let mut pauses = None;
    loop {
        while polls.len() < wanted {
            polls.push(deliveries.receive(LONG_POLL));
        }
        let answer = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            Some(answer) = polls.next() => answer,
        };
        match answer {
            Ok(batch) => {
                if pauses.take().is_some() {
                    info!(queue = name, "receiving again");
                }
                on_answer();
                wanted =
                    if batch.len() == FULL { (wanted * 2).min(MOST_POLLS) } else { wanted.saturating_sub(1).max(1) };
                if !batch.is_empty() {
                    handle(batch).await;
                }
            }
            Err(error) => {
                wanted = 1;
                warn!(queue = name, "nothing can be received: {error}");
                let pause = pauses.get_or_insert_with(|| PAUSES.build()).next().unwrap_or_default();
                tokio::select! {
                    biased;
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
    let end = tokio::time::Instant::now() + LAST_ANSWERS;
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
pub(crate) async fn acknowledge(deliveries: &impl Deliveries, receipts: Vec<Receipt>) {
    if receipts.is_empty() {
        return;
    }
    if let Err(error) = deliveries.ack(receipts).await {
        info!("messages were not deleted and will come back: {error}");
    }
}
