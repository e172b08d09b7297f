//! The copy of a build's log in CloudWatch Logs.
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::services::{BuildLogLine, BuildRole};

/// How long lines are gathered before they are sent.
const BATCH_WINDOW: Duration = Duration::from_secs(1);
/// Lines per call: with lines of [`MAX_LINE_BYTES`] they stay below PutLogEvents' 1 MiB.
const MAX_BATCH_LINES: usize = 200;
/// Bytes of one line; the rest is only in the log file.
const MAX_LINE_BYTES: usize = 4 * 1024;
/// How long a build's completion waits for its log.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(10);

/// Queues lines that are uploaded with the build's role.
///
/// A line that the role may not write is lost, as on AWS: the build goes on.
#[derive(Debug)]
pub(super) struct BuildLogStream {
    lines: UnboundedSender<BuildLogLine>,
}

impl BuildLogStream {
    /// The stream, and its upload, which ends when the stream was dropped and all lines are sent.
    pub(super) fn open(role: Arc<dyn BuildRole>, group: String, stream: String) -> (Arc<Self>, LogUpload) {
        let (lines, waiting) = unbounded_channel();
        (Arc::new(Self { lines }), LogUpload(tokio::spawn(upload(role, group, stream, waiting))))
    }

    pub(super) fn push(&self, text: &str) {
        // CloudWatch Logs rejects an empty message.
        let text = if text.is_empty() { " " } else { &text[..text.floor_char_boundary(MAX_LINE_BYTES)] };
        // The receiver ends only with the server.
        let _ = self.lines.send(BuildLogLine { at: Timestamp::now().as_millisecond(), text: text.to_owned() });
    }
}

/// The running upload of a log.
#[derive(Debug)]
pub(super) struct LogUpload(JoinHandle<()>);

impl LogUpload {
    /// Waits until all lines are sent, at most [`FLUSH_TIMEOUT`].
    pub(super) async fn finish(mut self) {
        if timeout(FLUSH_TIMEOUT, &mut self.0).await.is_err() {
            self.0.abort();
            tracing::warn!("uploading a build's log to CloudWatch Logs timed out; its last lines are lost");
        }
    }
}

async fn upload(role: Arc<dyn BuildRole>, group: String, stream: String, mut waiting: UnboundedReceiver<BuildLogLine>) {
    let mut warned = false;
    loop {
        let batch = next_batch(&mut waiting).await;
        if batch.is_empty() {
            return;
        }
        if let Err(error) = role.log(&group, &stream, batch).await
            && !std::mem::replace(&mut warned, true)
        {
            tracing::warn!(%error, %group, %stream, "uploading a build's log to CloudWatch Logs failed; the build goes on without it");
        }
    }
}

/// The lines of one batch: those within [`BATCH_WINDOW`] of the first; none when the log is complete.
async fn next_batch(waiting: &mut UnboundedReceiver<BuildLogLine>) -> Vec<BuildLogLine> {
    let mut batch = Vec::new();
    waiting.recv_many(&mut batch, MAX_BATCH_LINES).await;
    let end = Instant::now() + BATCH_WINDOW;
    while batch.len() < MAX_BATCH_LINES {
        let room = MAX_BATCH_LINES - batch.len();
        match timeout_at(end, waiting.recv_many(&mut batch, room)).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
    }
    batch
}
