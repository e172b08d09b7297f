//! The two ways in which a message leaves its queue: an ack, or the dead-letter queue and then an ack.

use doorbell_messages::DeadLetter;
use tracing::{info, warn};

use crate::metrics;
use crate::ports::{Delivery, MessageQueue, ReceiptHandle};

/// Deletes messages that are done. A message whose deletion fails is redelivered, and its row is there by then.
pub(crate) async fn acknowledge(queue: &impl MessageQueue, receipts: Vec<ReceiptHandle>) {
    if receipts.is_empty() {
        return;
    }
    if let Err(error) = queue.ack(receipts).await {
        info!("DeleteMessageBatch failed; messages will be redelivered: {error}");
    }
}

/// Moves a message to the dead-letter queue. Returns what deletes it, or `None` where it has to stay in its queue.
pub(crate) async fn dead_letter(
    queue: &impl MessageQueue,
    delivery: Delivery,
    reason: String,
) -> Option<ReceiptHandle> {
    warn!(sqs.message_id = delivery.message_id, "message rejected; moving it to the dead-letter queue: {reason}");
    let dead_letter = DeadLetter::new(reason, delivery.receive_count, delivery.message_id.clone(), &delivery.body);
    match queue.dead_letter(dead_letter).await {
        Ok(()) => {
            metrics::message_dead_lettered();
            Some(delivery.receipt)
        }
        Err(error) => {
            warn!(
                sqs.message_id = delivery.message_id,
                "dead-letter queue failed; message left for redelivery: {error}"
            );
            None
        }
    }
}
