//! What people and scripts see: results on stdout, everything else on stderr. Colour only where a person looks, by
//! `anstream`: not into a pipe, and not with `NO_COLOR`.

mod columns;
mod time;
mod wrap;

use std::io::{ErrorKind, IsTerminal, Write};

use clap::ValueEnum;
use clap::builder::styling::{AnsiColor, Style};
use doorbell_messages::Status;
use serde::Serialize;

pub(crate) use columns::Columns;
pub(crate) use time::{format_age, format_date_time, format_duration, format_time};

use crate::error::{CliError, CliErrorKind};

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PrintFormat {
    // Not documented one by one: clap would give every option of every help three lines.
    Text,
    Json,
}

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printer {
    format: PrintFormat,
    /// Columns of the terminal; none in a pipe, where nothing is cut.
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

    /// Prints a result: as JSON, or as the lines that `text` makes.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub(crate) fn print_result(
        self,
        json: &impl Serialize,
        text: impl FnOnce() -> Vec<String>,
    ) -> Result<(), CliError> {
        if self.is_json() {
            // Writing texts and numbers can't fail.
            return self.print_line(&serde_json::to_string(json).unwrap_or_default());
        }
        text().iter().try_for_each(|line| self.print_line(line))
    }

    /// Shows these lines in place of what the terminal shows. It is written over and not cleared, which would flicker,
    /// and the cursor is left visible below: whatever ends this program, the terminal is as it was.
    ///
    /// # Errors
    /// Nobody looks any more.
    pub(crate) fn redraw(self, lines: &[String]) -> Result<(), CliError> {
        self.write_control("\x1b[H")?;
        for line in lines {
            let written = write!(anstream::stdout(), "{line}");
            written.map_err(|error| CliError::operation_failed(format!("the terminal is gone: {error}"), "nothing"))?;
            self.write_control("\x1b[K\n")?;
        }
        self.write_control("\x1b[J")
    }

    /// Past `anstream`, to which this is a colour.
    fn write_control(self, sequence: &str) -> Result<(), CliError> {
        let mut stdout = std::io::stdout();
        let written = stdout.write_all(sequence.as_bytes()).and_then(|()| stdout.flush());
        written.map_err(|error| CliError::operation_failed(format!("the terminal is gone: {error}"), "nothing"))
    }

    /// Prints a line of a result.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub(crate) fn print_line(self, text: &str) -> Result<(), CliError> {
        match writeln!(anstream::stdout(), "{text}") {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(CliError {
                kind: CliErrorKind::PipeClosed,
                message: "nobody reads the output".to_owned(),
                hint: "nothing".to_owned(),
            }),
            Err(error) => {
                Err(CliError::operation_failed(format!("the output can't be written: {error}"), "is the disk full?"))
            }
        }
    }

    /// Lines of at most the terminal's width, all but the first behind `indent` spaces.
    pub(crate) fn wrap_text(self, text: &str, indent: usize) -> Vec<String> {
        wrap::wrap(text, self.width.unwrap_or(usize::MAX), indent)
    }

    /// Says something beside the result.
    pub(crate) fn note(self, text: &str) {
        print_labeled("note", AnsiColor::Yellow, text);
    }

    /// Says what is to be done next.
    pub(crate) fn next(self, text: &str) {
        print_labeled("next", AnsiColor::Cyan, text);
    }

    /// Says that the person has ended this, on a line of its own: the terminal has written `^C`.
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
    for line in wrap::wrap(&format!("{style}{word}:{style:#} {text}"), width, word.len() + 2) {
        // When stderr is closed, nobody is left to tell.
        let _ = writeln!(anstream::stderr(), "{line}");
    }
}

/// A number of things: `1 job`, `2 jobs`.
pub(crate) fn pluralize(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// A status as a person sees it.
pub(crate) fn status(status: Status) -> String {
    let color = match status {
        Status::Success => AnsiColor::Green,
        Status::Queued | Status::Running => AnsiColor::Yellow,
        Status::Canceled => AnsiColor::Magenta,
        Status::Failure | Status::Error | Status::Rejected => AnsiColor::Red,
    };
    styled(color.on_default(), status.as_str())
}

pub(crate) fn bold(text: &str) -> String {
    styled(Style::new().bold(), text)
}

pub(crate) fn dim(text: &str) -> String {
    styled(Style::new().dimmed(), text)
}

pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Foreign text as one line without control characters: bodies of messages and answers of forges end on a terminal,
/// where an escape sequence could pose as something else.
pub(crate) fn harmless(text: &str) -> String {
    doorbell_engine::domain::one_line(text)
}
