//! Writes kept receipts that no other write took along.

use std::sync::Arc;
use std::time::Duration;

use doorbell_messages::JobKey;
use futures_util::{StreamExt, stream};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::domain::{MAX_UNWRITTEN_RECEIPT_AGE, Observation};
use crate::drive::JobDriver;
use crate::kept_receipts::KeptReceipts;
use crate::ports::JobLedger;
use crate::row_store::RowStore;

/// Receipts that are written at once.
const MAX_CONCURRENT_WRITES: usize = 16;

/// How long a worker that stops writes receipts. Those that are left cost a second final report each, at most.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);

/// Writes the receipts that this worker keeps: old ones, and all of them before it stops.
#[derive(Debug)]
pub(crate) struct ReceiptWriter<L, D> {
    rows: Arc<RowStore<L>>,
    receipts: Arc<KeptReceipts>,
    driver: Arc<D>,
}

impl<L: JobLedger, D: JobDriver> ReceiptWriter<L, D> {
    pub(crate) fn new(rows: Arc<RowStore<L>>, receipts: Arc<KeptReceipts>, driver: Arc<D>) -> Self {
        Self { rows, receipts, driver }
    }

    /// Writes old receipts until `stop`. Other workers send a report again that has none for too long.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.receipts.wait_for_age(MAX_UNWRITTEN_RECEIPT_AGE) => {}
            }
            self.write(self.receipts.take_older_than(MAX_UNWRITTEN_RECEIPT_AGE)).await;
        }
    }

    /// Writes all receipts, so that a stop makes no final report go out twice.
    pub(crate) async fn write_all(&self) {
        let receipts = self.receipts.take_older_than(Duration::ZERO);
        let count = receipts.len();
        if tokio::time::timeout(STOP_TIMEOUT, self.write(receipts)).await.is_err() {
            warn!("not all of {count} receipts of reports were written; their jobs may be reported twice");
        }
    }

    async fn write(&self, receipts: Vec<(JobKey, Observation)>) {
        stream::iter(receipts)
            .for_each_concurrent(MAX_CONCURRENT_WRITES, |(key, receipt)| self.write_receipt(key, receipt))
            .await;
    }

    async fn write_receipt(&self, key: JobKey, receipt: Observation) {
        let Some(row) = self.rows.load_or_log(&key).await else { return };
        if row.is_over() {
            self.receipts.note_foreign_end();
        }
        self.driver.drive(row, receipt, None).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{DeliveryOutcome, Row};
    use crate::stubs::{DriverStub, LedgerStub, NOW, claimed_report, finished_row, report_effect, reporting_row};

    /// A worker that ended all jobs that it reported, and keeps the receipt of one more.
    fn writer() -> (ReceiptWriter<LedgerStub, DriverStub>, Observation) {
        let row = reporting_row(1);
        let writer = ReceiptWriter::new(
            Arc::new(RowStore::new(LedgerStub::with_row(&row), "a")),
            Arc::default(),
            Arc::new(DriverStub::default()),
        );
        let (entry, claim) = claimed_report(&row);
        let note_claim = |row: &Row| writer.receipts.note_claim(row, &[report_effect(row)]);
        for number in 2..12 {
            let row = reporting_row(number);
            note_claim(&row);
            writer.receipts.note_written(&row, &finished_row(number));
        }
        note_claim(&row);
        let receipt = Observation::ReportAttempted { entry, claim, outcome: DeliveryOutcome::Delivered };
        assert!(writer.receipts.keep(&row, &receipt, NOW));
        (writer, receipt)
    }

    #[tokio::test(start_paused = true)]
    async fn old_receipt_is_written_by_itself() {
        let (writer, receipt) = writer();
        let stop = CancellationToken::new();
        let run = writer.run(stop.clone());
        let wait = tokio::time::timeout(MAX_UNWRITTEN_RECEIPT_AGE + Duration::from_secs(1), run);
        assert!(wait.await.is_err());
        assert_eq!(writer.driver.calls(), [(reporting_row(1).key, receipt, false)]);
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_worker_writes_young_receipts() {
        let (writer, receipt) = writer();
        writer.write_all().await;
        assert_eq!(writer.driver.calls(), [(reporting_row(1).key, receipt, false)]);
        writer.write_all().await;
        assert_eq!(writer.driver.calls().len(), 1);
    }
}
