use super::*;
use crate::job_tasks::TaskPool;
use crate::quarantine::Quarantine;
use crate::stubs::{
    ClockStub, DriverStub, LedgerStub, NOW, QueueStub, TOPIC, WriteFault, config, delivery, request_delivery, row,
};

struct Handled {
    queue: QueueStub,
    driver: Arc<DriverStub>,
}

async fn handle(ledger: &LedgerStub, clock: ClockStub, batch: Vec<Delivery>) -> Handled {
    let instance = format!("after-{}-rows", ledger.rows().len());
    let (rows, driver) = (Arc::new(RowStore::new(ledger.clone(), instance)), Arc::new(DriverStub::default()));
    let pool = Arc::new(TaskPool::new(10));
    let quarantine = Arc::new(Quarantine::new(Arc::clone(&rows), clock));
    let consumer = TriggerConsumer::new(
        rows,
        clock,
        Arc::new(AdmissionController::new(clock, config())),
        Arc::new(PolicyCache::new(None)),
        Arc::clone(&driver),
        Arc::new(JobTasks::new(Arc::clone(&pool), quarantine)),
        TOPIC.to_owned(),
    );
    let queue = QueueStub::default();
    let capacity = pool.acquire(10).await.unwrap();
    consumer.handle_batch(&queue, batch, capacity).await;
    pool.drain().await;
    Handled { queue, driver }
}

#[tokio::test]
async fn request_is_acked_when_its_row_is_durable() {
    let ledger = LedgerStub::default();
    let handled = handle(&ledger, ClockStub(Some(NOW)), vec![request_delivery(1)]).await;
    assert_eq!(handled.queue.acked(), ["1"]);
    assert_eq!(ledger.rows().len(), 1);
    assert_eq!(handled.driver.resumed(), [row(1).key]);
    let again = handle(&ledger, ClockStub(Some(NOW)), vec![request_delivery(1)]).await;
    assert_eq!((again.queue.acked(), again.driver.resumed()), (vec!["1".to_owned()], Vec::new()));
}

#[tokio::test]
async fn request_whose_insert_fails_stays_in_the_queue() {
    let ledger = LedgerStub::default();
    ledger.script(&[WriteFault::Fail]);
    let handled = handle(&ledger, ClockStub(Some(NOW)), vec![request_delivery(1), request_delivery(2)]).await;
    assert_eq!(handled.queue.acked(), ["2"]);
}

#[tokio::test]
async fn request_of_a_newer_schema_row_stays_in_the_queue() {
    let ledger = LedgerStub::default();
    ledger.set_newer_schema(&row(1));
    let handled = handle(&ledger, ClockStub(Some(NOW)), vec![request_delivery(1)]).await;
    assert!(handled.queue.acked().is_empty() && handled.driver.resumed().is_empty());
}

#[tokio::test]
async fn request_stays_in_the_queue_without_a_trusted_time() {
    let handled = handle(&LedgerStub::default(), ClockStub(None), vec![request_delivery(1)]).await;
    assert!(handled.queue.acked().is_empty() && handled.queue.dead_letters().is_empty());
}

#[tokio::test]
async fn invalid_message_is_dead_lettered_and_acked() {
    let handled = handle(&LedgerStub::default(), ClockStub(Some(NOW)), vec![delivery("x", 1)]).await;
    assert_eq!(handled.queue.acked(), ["x"]);
    assert_eq!(handled.queue.dead_letters().len(), 1);
}
