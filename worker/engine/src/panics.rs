//! What a panic leaves behind: a line in the log, a count, and a row that is put aside if it happens again and again.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use doorbell_messages::JobKey;
use futures_util::FutureExt;
use tracing::error;

use crate::domain::{Phase, Row, Seen, Strike, Timestamp};
use crate::drive::Written;
use crate::engine::Engine;
use crate::meter;
use crate::ports::{Clock, World};

/// Times that a strike is written over another worker's write.
const MOST_CONFLICTS: usize = 8;

/// Runs something to its end or to its panic, which is logged and counted, with what panicked in words.
pub(crate) async fn caught(work: impl Future<Output = ()>, what: &str) -> Result<(), String> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| {
        let said = words(&*panic);
        meter::panicked();
        error!("{what} panicked: {said}");
        said
    })
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    crate::domain::one_line(text.unwrap_or("without a word"))
}

impl<W: World> Engine<W> {
    /// Handles a row in a task of its own. A panic ends that task and nothing else, and is a strike against the row.
    pub(crate) fn spawn_for(self: &Arc<Self>, key: JobKey, work: impl Future<Output = ()> + Send + 'static) {
        let engine = Arc::clone(self);
        self.tasks.spawn(async move {
            if caught(work, &format!("handling {key}")).await.is_err() {
                engine.strike(&key).await;
            }
        });
    }

    /// Handles a row that may be what its workers die of. The strike is written before the work, since nothing is
    /// written after a crash, and taken back when the work has come to its end.
    pub(crate) async fn handle_suspect(&self, row: Row, seen: Seen) {
        let Some(now) = self.world.clock().now() else { return };
        let before = row.clone();
        let begun = Strike::Begun { lived: self.born.elapsed() };
        let Some(struck) = self.write_strike(row, begun, now).await else { return };
        if struck.isolated.is_some() {
            return;
        }
        // The ledger has it due later, for whoever comes if this worker dies; to this worker it is due as it was.
        let shown = Row { phase_due: before.phase_due, telling: before.telling.clone(), ..struck.clone() };
        match caught(self.drive(shown, seen), &format!("handling {}", struck.key)).await {
            Ok(()) => self.acquit(&struck, &before).await,
            Err(_) => self.strike(&struck.key).await,
        }
    }

    async fn strike(&self, key: &JobKey) {
        for _ in 0..MOST_CONFLICTS {
            let Some(now) = self.world.clock().now() else { return };
            let Some(row) = self.load(key).await else { return };
            if row.settled_at.is_some()
                || row.isolated.is_some()
                || self.write_strike(row, Strike::Panicked, now).await.is_some()
            {
                return;
            }
        }
    }

    async fn write_strike(&self, mut row: Row, strike: Strike, now: Timestamp) -> Option<Row> {
        row.strike(strike, now);
        if !self.overwrites(&mut row).await {
            return None;
        }
        if let Some(reason) = &row.isolated {
            meter::isolated();
            error!(job.key = %row.key, "{reason}");
        }
        Some(row)
    }

    /// Takes back what was held against a row. While a start is in doubt only the last handling: to look for a build
    /// is harmless, even where it is the send that kills.
    async fn acquit(&self, struck: &Row, before: &Row) {
        for _ in 0..MOST_CONFLICTS {
            let Some(mut row) = self.load(&struck.key).await else { return };
            let strikes = if matches!(row.phase, Phase::Starting { .. }) { before.strikes } else { 0 };
            if row.strikes <= strikes || row.isolated.is_some() {
                return;
            }
            if row.writer == struck.writer {
                // The handling ended without a write, of the ledger's own fault perhaps: the row is as due as it was.
                (row.phase_due, row.telling.due) = (before.phase_due, before.telling.due);
            }
            row.strikes = strikes;
            if self.overwrites(&mut row).await {
                return;
            }
        }
    }

    async fn overwrites(&self, row: &mut Row) -> bool {
        row.rev += 1;
        row.writer = self.signature();
        matches!(self.write(row).await, Written::Yes)
    }
}
