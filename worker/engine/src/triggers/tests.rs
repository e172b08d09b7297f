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

/// A consumer of a worker that knows the names of these projects.
fn consumer(
    ledger: &LedgerStub,
    clock: ClockStub,
    known: &[&str],
) -> (TriggerConsumer<LedgerStub, ClockStub, DriverStub>, Arc<TaskPool>) {
    let instance = format!("after-{}-rows", ledger.rows().len());
    let rows = Arc::new(RowStore::new(ledger.clone(), instance));
    let pool = Arc::new(TaskPool::new(10));
    let quarantine = Arc::new(Quarantine::new(Arc::clone(&rows), clock));
    let policies = Arc::new(PolicyCache::new(None));
    policies.add_known(known.iter().map(|name| name.parse().unwrap()));
    let consumer = TriggerConsumer::new(
        rows,
        clock,
        Arc::new(AdmissionController::new(clock, config())),
        policies,
        Arc::default(),
        Arc::new(JobTasks::new(Arc::clone(&pool), quarantine)),
        TOPIC.to_owned(),
    );
    (consumer, pool)
}

async fn handle(ledger: &LedgerStub, clock: ClockStub, batch: Vec<Delivery>) -> Handled {
    let (consumer, pool) = consumer(ledger, clock, &[]);
    let queue = QueueStub::default();
    let capacity = pool.acquire(10).await.unwrap();
    consumer.handle_batch(&queue, batch, capacity).await;
    pool.drain().await;
    Handled { queue, driver: consumer.driver }
}

#[tokio::test(start_paused = true)]
async fn known_project_does_not_wait_for_the_rest_of_its_batch() {
    let of_other = |mut delivery: Delivery| {
        delivery.body = delivery.body.replace("demo", "other");
        delivery
    };
    let (ledger, queue) = (LedgerStub::default(), QueueStub::default());
    ledger.delay_inserts(&row(1).key.as_str().replace("demo", "other").parse().unwrap());
    queue.delay_dead_letters();
    let (consumer, pool) = consumer(&ledger, ClockStub(Some(NOW)), &["demo"]);
    let driver = Arc::clone(&consumer.driver);
    let capacity = pool.acquire(3).await.unwrap();
    let batch = vec![of_other(request_delivery(1)), delivery("invalid", 1), request_delivery(3)];
    let handled = queue.clone();
    let task = tokio::spawn(async move { consumer.handle_batch(&handled, batch, capacity).await });
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(driver.resumed(), [row(3).key]);
    task.await.unwrap();
    pool.drain().await;
    assert_eq!(driver.resumed().len(), 2);
    assert_eq!(queue.acked().len(), 3);
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
