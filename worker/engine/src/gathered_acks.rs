use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorbell_messages::DeadLetter;

use crate::acks::acknowledge;
use crate::job_tasks::TaskPool;
use crate::ports::{Delivery, MessageQueue, PortError, ReceiptHandle};

/// The most messages that one call of SQS deletes.
const ACK_BATCH: usize = 10;

/// How long an ack waits for others. It is short beside the visibility timeout of 20 s.
const ACK_DELAY: Duration = Duration::from_millis(100);

/// A queue whose acks are gathered, so that one call deletes several messages.
///
/// A crash loses the acks that wait. Their messages are redelivered and find their rows.
#[derive(Debug)]
pub(crate) struct GatheredAcks<Q> {
    queue: Arc<Q>,
    pool: Arc<TaskPool>,
    waiting: Arc<Mutex<Vec<ReceiptHandle>>>,
}

impl<Q> GatheredAcks<Q> {
    pub(crate) fn new(queue: Q, pool: Arc<TaskPool>) -> Self {
        Self { queue: Arc::new(queue), pool, waiting: Arc::default() }
    }
}

impl<Q: MessageQueue> MessageQueue for GatheredAcks<Q> {
    async fn receive(&self, wait: Duration) -> Result<Vec<Delivery>, PortError> {
        self.queue.receive(wait).await
    }

    /// Deletes messages in groups of ten. Those that make no group are deleted by a task after [`ACK_DELAY`].
    async fn ack(&self, receipts: Vec<ReceiptHandle>) -> Result<(), PortError> {
        let (full, has_first) = add(&mut lock(&self.waiting), receipts);
        if has_first {
            let (queue, waiting) = (Arc::clone(&self.queue), Arc::clone(&self.waiting));
            self.pool.spawn(async move {
                tokio::time::sleep(ACK_DELAY).await;
                let receipts = std::mem::take(&mut *lock(&waiting));
                acknowledge(&*queue, receipts).await;
            });
        }
        for group in full {
            self.queue.ack(group).await?;
        }
        Ok(())
    }

    async fn dead_letter(&self, dead_letter: DeadLetter) -> Result<(), PortError> {
        self.queue.dead_letter(dead_letter).await
    }
}

/// Adds receipts. Returns full groups, and whether receipts wait now and none did before.
fn add(waiting: &mut Vec<ReceiptHandle>, receipts: Vec<ReceiptHandle>) -> (Vec<Vec<ReceiptHandle>>, bool) {
    let was_empty = waiting.is_empty();
    waiting.extend(receipts);
    let mut full = Vec::new();
    while waiting.len() >= ACK_BATCH {
        full.push(waiting.drain(..ACK_BATCH).collect());
    }
    (full, was_empty && !waiting.is_empty())
}

fn lock(waiting: &Mutex<Vec<ReceiptHandle>>) -> MutexGuard<'_, Vec<ReceiptHandle>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stubs::QueueStub;

    fn receipts(numbers: std::ops::Range<u32>) -> Vec<ReceiptHandle> {
        numbers.map(|number| ReceiptHandle(number.to_string())).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn acks_are_gathered_to_calls_of_ten_messages() {
        let (stub, pool) = (QueueStub::default(), Arc::new(TaskPool::new(1)));
        let queue = GatheredAcks::new(stub.clone(), Arc::clone(&pool));
        for number in 0..23 {
            queue.ack(receipts(number..number + 1)).await.unwrap();
        }
        assert_eq!(stub.ack_calls(), [10, 10]);
        tokio::time::sleep(ACK_DELAY * 2).await;
        assert_eq!(stub.ack_calls(), [10, 10, 3]);
        queue.ack(receipts(23..24)).await.unwrap();
        pool.drain().await;
        assert_eq!(stub.acked().len(), 24, "a worker that ends sends what waits");
    }
}
