use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::ports::{Deliveries, Delivery};

/// The longest that SQS holds an empty poll.
const LONG_POLL: Duration = Duration::from_secs(20);

/// The most messages that SQS hands out at once.
const FULL: usize = 10;

/// Polls of one queue at once, at the most. One poll brings up to ten messages in some ten milliseconds.
const MOST_POLLS: usize = 4;

/// After a failed receive: doubled each time, and never more often than this.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Receives from one queue until told to stop. Idle, one long poll is out; full answers double the polls, and any
/// other answer takes one back. Only the waiting is cut short by a stop: a batch that was taken is handled.
pub(crate) async fn receive<D, F>(
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
    let mut failures: u32 = 0;
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
                if failures > 0 {
                    info!(queue = name, "receiving again");
                }
                failures = 0;
                on_answer();
                wanted =
                    if batch.len() == FULL { (wanted * 2).min(MOST_POLLS) } else { wanted.saturating_sub(1).max(1) };
                if !batch.is_empty() {
                    handle(batch).await;
                }
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                wanted = 1;
                warn!(queue = name, failures, "nothing can be received: {error}");
                let pause = FIRST_PAUSE.saturating_mul(2u32.saturating_pow(failures - 1)).min(LONGEST_PAUSE);
                tokio::select! {
                    () = stop.cancelled() => break,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }
}
