//! A build's log: the commands' output and CodeBuild's own lines, in order, with secrets masked.
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

use super::log_stream::BuildLogStream;
use super::mask::SecretMasker;

/// Bytes per read of the pipe.
const CHUNK_BYTES: usize = 16 * 1024;

/// The log's write side: commands print into [`BuildLog::output_pipe`], CodeBuild's lines come by
/// [`BuildLog::write_line`].
#[derive(Debug)]
pub(super) struct BuildLog {
    output: PipeWriter,
    commands: mpsc::Sender<LogCommand>,
    writer: JoinHandle<()>,
}

enum LogCommand {
    /// Write this line after everything printed before.
    WriteLine(String, oneshot::Sender<()>),
    Mask(Vec<String>),
    /// Copy all lines to this stream, from the first.
    Stream(Arc<BuildLogStream>),
}

impl BuildLog {
    pub(super) async fn open(path: &Path) -> io::Result<Self> {
        let file = File::create(path).await?;
        let (reader, output) = io::pipe()?;
        // This makes `reader` non-blocking as well: the flag belongs to the pipe, not to a handle of it.
        let pipe = Receiver::from_owned_fd(OwnedFd::from(reader.try_clone()?))?;
        let (commands, incoming) = mpsc::channel(16);
        let writer = LogWriter { pipe, reader, file, masker: SecretMasker::new(&[]), stream: None, unsent: Vec::new() };
        Ok(Self { output, commands, writer: tokio::spawn(writer.run(incoming)) })
    }

    /// Another write end of the pipe, for a process.
    pub(super) fn output_pipe(&self) -> io::Result<PipeWriter> {
        self.output.try_clone()
    }

    /// Masks these values in further output.
    pub(super) async fn mask(&self, secrets: Vec<String>) {
        let _ = self.commands.send(LogCommand::Mask(secrets)).await;
    }

    pub(super) async fn stream_to(&self, stream: Arc<BuildLogStream>) {
        let _ = self.commands.send(LogCommand::Stream(stream)).await;
    }

    /// Writes a line as CodeBuild's agent does, after everything that commands have printed so far.
    ///
    /// If the writer has failed (a full disk), it has logged that to this process's own log; the build goes on without
    /// it.
    pub(super) async fn write_line(&self, text: &str) {
        let (done, written) = oneshot::channel();
        let line = container_line(text);
        if self.commands.send(LogCommand::WriteLine(line, done)).await.is_ok() {
            let _ = written.await;
        }
    }

    /// Writes the rest. Call it when no process holds the pipe any more.
    pub(super) async fn close(self) {
        let Self { output, commands, writer } = self;
        drop((output, commands));
        let _ = writer.await;
    }
}

/// `[Container] 2026/11/21 10:48:44.123456 …`, as on AWS.
pub(super) fn container_line(text: &str) -> String {
    format!("[Container] {} {text}\n", Timestamp::now().strftime("%Y/%m/%d %H:%M:%S%.6f"))
}

struct LogWriter {
    /// Signals when the pipe is readable.
    pipe: Receiver,
    /// The same end of the same pipe.
    reader: PipeReader,
    file: File,
    masker: SecretMasker,
    stream: Option<Arc<BuildLogStream>>,
    /// Output for the stream: lines from before the stream was known, and the last, incomplete line.
    unsent: Vec<u8>,
}

impl LogWriter {
    async fn run(mut self, mut incoming: mpsc::Receiver<LogCommand>) {
        if let Err(error) = self.record(&mut incoming).await {
            tracing::error!(%error, "writing a build's log failed; the build goes on without it");
        }
    }

    async fn record(&mut self, incoming: &mut mpsc::Receiver<LogCommand>) -> io::Result<()> {
        loop {
            tokio::select! {
                readable = self.pipe.readable() => {
                    readable?;
                    self.drain().await?;
                }
                command = incoming.recv() => {
                    self.drain().await?;
                    let Some(command) = command else { break };
                    self.apply(command).await?;
                }
            }
        }
        self.write_masked(b"", true).await
    }

    async fn apply(&mut self, command: LogCommand) -> io::Result<()> {
        // Output printed before is complete now: a secret is never split by CodeBuild's own lines.
        self.write_masked(b"", true).await?;
        match command {
            LogCommand::WriteLine(line, done) => {
                self.write_masked(line.as_bytes(), true).await?;
                let _ = done.send(());
            }
            LogCommand::Mask(secrets) => self.masker = SecretMasker::new(&secrets),
            LogCommand::Stream(stream) => {
                self.stream = Some(stream);
                self.send_lines(false);
            }
        }
        Ok(())
    }

    /// Reads everything that is in the pipe now.
    async fn drain(&mut self) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            // Tokio reports "would block" from a cached flag until its reactor has run again, so the pipe itself is
            // read, too. Otherwise a line of CodeBuild would overtake what was printed before it.
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
            stream.push(String::from_utf8_lossy(line).trim_end_matches(['\r', '\n']));
        }
    }
}

impl Drop for LogWriter {
    fn drop(&mut self) {
        self.send_lines(true);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn build_log_keeps_output_before_later_agent_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let log = BuildLog::open(&path).await.unwrap();
        let mut output = log.output_pipe().unwrap();
        for round in 0..50 {
            output.write_all(format!("printed {round}\n").as_bytes()).unwrap();
            log.write_line(&format!("said {round}")).await;
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
