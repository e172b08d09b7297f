//! Output: results on stdout, everything else on stderr. `anstream` strips color in a pipe and with `NO_COLOR`.
//!
//! All text leaves as a [`Line`], and all JSON by [`Printer::print_result`]: both escape what could steer a terminal.

mod columns;
mod line;
mod time;

use std::io::{ErrorKind, IsTerminal, Write};

use clap::ValueEnum;
use clap::builder::styling::{AnsiColor, Style};
use doorbell_messages::Status;
use doorbell_messages::text::escape_json;
use serde::Serialize;

pub(crate) use columns::Columns;
pub(crate) use line::Line;
pub(crate) use time::{format_age, format_date_time, format_duration, format_time};

use crate::error::{CliError, CliErrorKind};

/// Format of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrintFormat {
    // Without doc comments: clap would give every option of every help three lines.
    Text,
    Json,
}

/// Prints results, notes and errors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    format: PrintFormat,
    /// Columns of the terminal; none in a pipe, where nothing is truncated.
    width: Option<usize>,
    /// Lines of the terminal.
    height: Option<usize>,
}

impl Printer {
    pub(crate) fn new(format: PrintFormat) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let size = terminal_size::terminal_size().filter(|_| is_terminal);
        let (width, height) = size.map(|(width, height)| (usize::from(width.0), usize::from(height.0))).unzip();
        Self { format, width, height }
    }

    pub(crate) fn width(self) -> Option<usize> {
        self.width
    }

    pub(crate) fn height(self) -> Option<usize> {
        self.height
    }

    pub(crate) fn is_json(self) -> bool {
        self.format == PrintFormat::Json
    }

    /// Prints a result as JSON, or as the lines of `text`.
    ///
    /// # Errors
    /// The output is closed or cannot be written.
    pub(crate) fn print_result(self, json: &impl Serialize, text: impl FnOnce() -> Vec<Line>) -> Result<(), CliError> {
        if self.is_json() {
            // Serializing strings and numbers cannot fail.
            return self.write_line(&escape_json(&serde_json::to_string(json).unwrap_or_default()));
        }
        text().iter().try_for_each(|line| self.write_line(&line.render()))
    }

    /// Redraws the terminal with these lines.
    ///
    /// The lines overwrite the old ones, since clearing would flicker. The cursor stays visible below them, so that the
    /// terminal is usable even after a kill of this program.
    ///
    /// # Errors
    /// The terminal is closed.
    pub(crate) fn redraw(self, lines: &[Line]) -> Result<(), CliError> {
        self.write_control("\x1b[H")?;
        for line in lines {
            let written = write!(anstream::stdout(), "{}", line.render());
            written
                .map_err(|error| CliError::operation_failed(format!("terminal write failed: {error}"), "nothing"))?;
            self.write_control("\x1b[K\n")?;
        }
        self.write_control("\x1b[J")
    }

    /// Writes a control sequence past `anstream`, which would strip it.
    fn write_control(self, sequence: &str) -> Result<(), CliError> {
        let mut stdout = std::io::stdout();
        let written = stdout.write_all(sequence.as_bytes()).and_then(|()| stdout.flush());
        written.map_err(|error| CliError::operation_failed(format!("terminal write failed: {error}"), "nothing"))
    }

    /// Writes a line of a result, escaped before.
    fn write_line(self, text: &str) -> Result<(), CliError> {
        match writeln!(anstream::stdout(), "{text}") {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(CliError {
                kind: CliErrorKind::PipeClosed,
                message: "the output is closed".to_owned(),
                hint: "nothing".to_owned(),
            }),
            Err(error) => Err(CliError::operation_failed(format!("output write failed: {error}"), "check the disk")),
        }
    }

    /// Lines of at most the terminal's width, all but the first behind `indent` spaces.
    pub(crate) fn wrap_text(self, text: impl Into<Line>, indent: usize) -> Vec<Line> {
        text.into().wrap(self.width.unwrap_or(usize::MAX), indent)
    }

    /// Prints a note to stderr.
    pub(crate) fn note(self, text: &str) {
        print_labeled("note", AnsiColor::Yellow, text);
    }

    /// Prints the next step to stderr.
    pub(crate) fn next(self, text: &str) {
        print_labeled("next", AnsiColor::Cyan, text);
    }

    /// Prints a note about Ctrl-C on a new line, after the terminal's `^C`.
    pub(crate) fn note_interruption(self, text: &str) {
        if std::io::stderr().is_terminal() {
            let _ = writeln!(std::io::stderr());
        }
        self.note(text);
    }

    pub(crate) fn print_error(self, failure: &CliError) {
        if failure.kind == CliErrorKind::PipeClosed {
            return;
        }
        print_labeled("error", AnsiColor::Red, &failure.message);
        print_labeled("next", AnsiColor::Cyan, &failure.hint);
    }
}

fn print_labeled(word: &str, color: AnsiColor, text: &str) {
    let style = color.on_default().bold();
    let width =
        terminal_size::terminal_size_of(std::io::stderr()).map_or(usize::MAX, |(width, _)| usize::from(width.0));
    let line = Line::styled(style, &format!("{word}:")).then(" ").then(text);
    for line in line.wrap(width, word.len() + 2) {
        // A closed stderr is ignored.
        let _ = writeln!(anstream::stderr(), "{}", line.render());
    }
}

/// A count with its noun: `1 job`, `2 jobs`.
pub(crate) fn pluralize(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// A status in its color.
pub(crate) fn status(status: Status) -> Line {
    let color = match status {
        Status::Success => AnsiColor::Green,
        Status::Queued | Status::Running => AnsiColor::Yellow,
        Status::Canceled => AnsiColor::Magenta,
        Status::Failure | Status::Error | Status::Rejected => AnsiColor::Red,
    };
    Line::styled(color.on_default(), status.as_str())
}

pub(crate) fn bold(text: &str) -> Line {
    Line::styled(Style::new().bold(), text)
}

pub(crate) fn dim(text: &str) -> Line {
    Line::styled(Style::new().dimmed(), text)
}

/// Foreign text for a place with little room: one short line, with a space for each unsafe character.
pub(crate) fn harmless(text: &str) -> String {
    doorbell_engine::domain::one_line(text)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    fn sources(directory: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn text_is_written_by_the_printer_only() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        // clap writes its own messages, with escaped arguments.
        let writers = [source.join("printer/mod.rs"), source.join("command_line.rs")];
        let others: Vec<PathBuf> = sources(&source).into_iter().filter(|path| !writers.contains(path)).collect();
        assert!(others.len() > 40, "{others:?}");
        for path in others {
            let text = std::fs::read_to_string(&path).unwrap();
            for writer in ["print!", "println!", "eprint!", "eprintln!", "stdout()", "stderr()"] {
                assert!(!text.contains(writer), "{}: {writer}", path.display());
            }
        }
    }
}
