//! A build's log: what its commands print and what CodeBuild says about them, in order, with secrets masked.
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::log_stream::LogStream;
use super::mask::Masker;

/// Bytes read from the pipe at once.
const CHUNK: usize = 16 * 1024;

/// The hand that writes: commands print into [`Log::output`], everything else comes by [`Log::say`].
#[derive(Debug)]
pub(super) struct Log {
    output: PipeWriter,
    orders: mpsc::Sender<Order>,
    recorder: JoinHandle<()>,
}

enum Order {
    /// Write this line after all that was printed before.
    Say(String, oneshot::Sender<()>),
    Mask(Vec<String>),
    /// Send a copy of all lines there, from the first.
    Stream(Arc<LogStream>),
}

impl Log {
    pub(super) async fn open(path: &Path) -> io::Result<Self> {
        let file = File::create(path).await?;
        let (reader, output) = io::pipe()?;
        // This makes `reader` non-blocking as well: it is the pipe that is, not a handle of it.
        let pipe = Receiver::from_owned_fd(OwnedFd::from(reader.try_clone()?))?;
        let (orders, incoming) = mpsc::channel(16);
        let recorder = Recorder { pipe, reader, file, masker: Masker::new(&[]), stream: None, unsent: Vec::new() };
        Ok(Self { output, orders, recorder: tokio::spawn(recorder.run(incoming)) })
    }

    /// One more end of the pipe, for a process.
    pub(super) fn output(&self) -> io::Result<PipeWriter> {
        self.output.try_clone()
    }

    /// Hides these values from here on.
    pub(super) async fn mask(&self, secrets: Vec<String>) {
        let _ = self.orders.send(Order::Mask(secrets)).await;
    }

    pub(super) async fn stream_to(&self, stream: Arc<LogStream>) {
        let _ = self.orders.send(Order::Stream(stream)).await;
    }

    /// Writes a line as CodeBuild's agent does, after everything that commands have printed until now. A recorder
    /// that has died (a full disk) has said so in this process's own log; the build goes on without.
    pub(super) async fn say(&self, text: &str) {
        let (done, written) = oneshot::channel();
        let line = container_line(text);
        if self.orders.send(Order::Say(line, done)).await.is_ok() {
            let _ = written.await;
        }
    }

    /// Writes what is left. Call it when no process holds the pipe any more.
    pub(super) async fn close(self) {
        let Self { output, orders, recorder } = self;
        drop((output, orders));
        let _ = recorder.await;
    }
}

/// `[Container] 2026/11/21 10:48:44.123456 …`, as on AWS.
pub(super) fn container_line(text: &str) -> String {
    format!("[Container] {} {text}\n", Timestamp::now().strftime("%Y/%m/%d %H:%M:%S%.6f"))
}

struct Recorder {
    /// Tells when there is something to read.
    pipe: Receiver,
    /// The same end of the same pipe.
    reader: PipeReader,
    file: File,
    masker: Masker,
    stream: Option<Arc<LogStream>>,
    /// Lines for the stream: those from before it was known, and the one that has no end yet.
    unsent: Vec<u8>,
}

impl Recorder {
    async fn run(mut self, mut incoming: mpsc::Receiver<Order>) {
        if let Err(error) = self.record(&mut incoming).await {
            tracing::error!(%error, "a build's log could not be written");
        }
    }

    async fn record(&mut self, incoming: &mut mpsc::Receiver<Order>) -> io::Result<()> {
        loop {
            tokio::select! {
                readable = self.pipe.readable() => {
                    readable?;
                    self.drain().await?;
                }
                order = incoming.recv() => {
                    self.drain().await?;
                    let Some(order) = order else { break };
                    self.follow(order).await?;
                }
            }
        }
        self.write_masked(b"", true).await
    }

    async fn follow(&mut self, order: Order) -> io::Result<()> {
        // What was printed before is complete now: a secret is not spread over CodeBuild's own lines.
        self.write_masked(b"", true).await?;
        match order {
            Order::Say(line, done) => {
                self.write_masked(line.as_bytes(), true).await?;
                let _ = done.send(());
            }
            Order::Mask(secrets) => self.masker = Masker::new(&secrets),
            Order::Stream(stream) => {
                self.stream = Some(stream);
                self.send_lines(false);
            }
        }
        Ok(())
    }

    /// Reads all that is in the pipe now.
    async fn drain(&mut self) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            // Tokio answers "nothing there" from memory until its reactor has run again, so the pipe itself is asked,
            // too: else a line that CodeBuild says would overtake what was printed before it.
            let read = match self.pipe.try_read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.reader.read(&mut chunk),
                read => read,
            };
            match read {
                Ok(0) => return Ok(()),
                Ok(length) => self.write_masked(&chunk[..length], false).await?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    async fn write_masked(&mut self, bytes: &[u8], complete: bool) -> io::Result<()> {
        let mut shown = self.masker.push(bytes);
        if complete {
            shown.extend(self.masker.flush());
        }
        self.file.write_all(&shown).await?;
        self.file.flush().await?;
        self.unsent.extend(&shown);
        self.send_lines(false);
        Ok(())
    }

    fn send_lines(&mut self, last: bool) {
        let Some(stream) = &self.stream else { return };
        let end = self.unsent.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let end = if last { self.unsent.len() } else { end };
        for line in self.unsent.drain(..end).collect::<Vec<_>>().split_inclusive(|byte| *byte == b'\n') {
            stream.put(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']));
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.send_lines(true);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn what_was_printed_stands_before_what_is_said_later() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = Log::open(&path).await.unwrap();
        let mut output = log.output().unwrap();
        for round in 0..50 {
            output.write_all(format!("printed {round}\n").as_bytes()).unwrap();
            log.say(&format!("said {round}")).await;
        }
        output.write_all(b"without an end").unwrap();
        drop(output);
        log.close().await;
        let text = std::fs::read_to_string(&path).unwrap();
        let order: Vec<_> =
            text.lines().map(|line| line.split_whitespace().rev().take(2).collect::<Vec<_>>()).collect();
        for (at, line) in order[..100].iter().enumerate() {
            let word = if at % 2 == 0 { "printed" } else { "said" };
            assert_eq!(line[..], [&(at / 2).to_string(), word], "line {at} of {text}");
        }
        assert!(text.ends_with("\nwithout an end"));
    }
}
