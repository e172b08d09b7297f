//! The copy of a build's log in CloudWatch Logs.
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::services::{BuildRole, LogLine};

/// How long lines are gathered before they are sent.
const GATHER: Duration = Duration::from_secs(1);
/// Lines in one call: with lines of [`LONGEST`] they stay below PutLogEvents' 1 MiB.
const BATCH: usize = 200;
/// Bytes of one line; the rest is only in the log file.
const LONGEST: usize = 4 * 1024;
/// How long the end of a build waits for its log.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes lines at once and sends them in its own time, as the build's role. A line that the role may not write is
/// lost, as on AWS: the build goes on.
#[derive(Debug)]
pub(super) struct LogStream {
    lines: UnboundedSender<LogLine>,
}

impl LogStream {
    /// The stream, and the work that ends when the stream was dropped and all is sent.
    pub(super) fn open(role: Arc<dyn BuildRole>, group: String, stream: String) -> (Arc<Self>, Shipping) {
        let (lines, waiting) = unbounded_channel();
        (Arc::new(Self { lines }), Shipping(tokio::spawn(ship(role, group, stream, waiting))))
    }

    pub(super) fn put(&self, text: &str) {
        // CloudWatch Logs refuses an event without text.
        let text = if text.is_empty() { " " } else { &text[..text.floor_char_boundary(LONGEST)] };
        // The receiver is gone only when the server is.
        let _ = self.lines.send(LogLine { at: Timestamp::now().as_millisecond(), text: text.to_owned() });
    }
}

/// Lines on their way.
#[derive(Debug)]
pub(super) struct Shipping(JoinHandle<()>);

impl Shipping {
    /// Waits until all is sent, or for as long as a build's end may be held up by it.
    pub(super) async fn done(mut self) {
        if timeout(PATIENCE, &mut self.0).await.is_err() {
            self.0.abort();
            tracing::warn!("a build's log did not reach CloudWatch Logs in time");
        }
    }
}

async fn ship(role: Arc<dyn BuildRole>, group: String, stream: String, mut waiting: UnboundedReceiver<LogLine>) {
    let mut told = false;
    loop {
        let batch = gather(&mut waiting).await;
        if batch.is_empty() {
            return;
        }
        if let Err(error) = role.log(&group, &stream, batch).await
            && !std::mem::replace(&mut told, true)
        {
            tracing::warn!(%error, %group, %stream, "a build's log can't be written to CloudWatch Logs");
        }
    }
}

/// What comes within [`GATHER`] of the first line; nothing when the log is complete.
async fn gather(waiting: &mut UnboundedReceiver<LogLine>) -> Vec<LogLine> {
    let mut batch = Vec::new();
    waiting.recv_many(&mut batch, BATCH).await;
    let end = Instant::now() + GATHER;
    while batch.len() < BATCH {
        let room = BATCH - batch.len();
        match timeout_at(end, waiting.recv_many(&mut batch, room)).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    batch
}
