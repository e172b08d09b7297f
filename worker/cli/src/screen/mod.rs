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
pub(crate) use time::{ago, clock, date, span};

use crate::failure::{Failure, FailureKind};

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines for people
    Text,
    /// One JSON object on one line
    Json,
}

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    format: Format,
    /// Columns of the terminal; none in a pipe, where nothing is cut.
    width: Option<usize>,
}

impl Screen {
    pub(crate) fn new(format: Format) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let width = terminal_size::terminal_size().filter(|_| is_terminal).map(|(width, _)| usize::from(width.0));
        Self { format, width }
    }

    pub(crate) fn width(self) -> Option<usize> {
        self.width
    }

    pub(crate) fn is_json(self) -> bool {
        self.format == Format::Json
    }

    /// Prints a result: as JSON, or as the lines that `text` makes.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub(crate) fn result(self, json: &impl Serialize, text: impl FnOnce() -> Vec<String>) -> Result<(), Failure> {
        if self.is_json() {
            // Writing texts and numbers can't fail.
            return self.line(&serde_json::to_string(json).unwrap_or_default());
        }
        text().iter().try_for_each(|line| self.line(line))
    }

    /// Clears the terminal, for a table that is shown again. Past `anstream`, to which this is a colour.
    ///
    /// # Errors
    /// Nobody looks any more.
    pub(crate) fn afresh(self) -> Result<(), Failure> {
        let mut stdout = std::io::stdout();
        let cleared = stdout.write_all(b"\x1b[H\x1b[2J").and_then(|()| stdout.flush());
        cleared.map_err(|error| Failure::not_done(format!("the terminal is gone: {error}"), "nothing"))
    }

    /// Prints a line of a result.
    ///
    /// # Errors
    /// Nobody reads it any more.
    pub(crate) fn line(self, text: &str) -> Result<(), Failure> {
        match writeln!(anstream::stdout(), "{text}") {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure {
                kind: FailureKind::PipeClosed,
                what: "nobody reads the output".to_owned(),
                next: "nothing".to_owned(),
            }),
            Err(error) => Err(Failure::not_done(format!("the output can't be written: {error}"), "is the disk full?")),
        }
    }

    /// Lines of at most the terminal's width, all but the first behind `indent` spaces.
    pub(crate) fn wrapped(self, text: &str, indent: usize) -> Vec<String> {
        wrap::wrap(text, self.width.unwrap_or(usize::MAX), indent)
    }

    /// Says something beside the result.
    pub(crate) fn note(self, text: &str) {
        say("note", AnsiColor::Yellow, text);
    }

    /// Says what is to be done next.
    pub(crate) fn next(self, text: &str) {
        say("next", AnsiColor::Cyan, text);
    }

    pub(crate) fn failed(self, failure: &Failure) {
        if failure.kind == FailureKind::PipeClosed {
            return;
        }
        say("error", AnsiColor::Red, &failure.what);
        say("next", AnsiColor::Cyan, &failure.next);
    }
}

fn say(word: &str, color: AnsiColor, text: &str) {
    let style = color.on_default().bold();
    // When stderr is closed, nobody is left to tell.
    let _ = writeln!(anstream::stderr(), "{style}{word}:{style:#} {text}");
}

/// A status as a person sees it.
pub(crate) fn status(status: Status) -> String {
    let color = match status {
        Status::Success => AnsiColor::Green,
        Status::Queued | Status::Running => AnsiColor::Yellow,
        Status::Canceled => AnsiColor::Magenta,
        Status::Failure | Status::Error | Status::Rejected => AnsiColor::Red,
    };
    painted(color.on_default(), status.as_str())
}

pub(crate) fn bold(text: &str) -> String {
    painted(Style::new().bold(), text)
}

pub(crate) fn dim(text: &str) -> String {
    painted(Style::new().dimmed(), text)
}

pub(crate) fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Foreign text as one line without control characters: bodies of messages and answers of forges end on a terminal,
/// where an escape sequence could pose as something else.
pub(crate) fn harmless(text: &str) -> String {
    doorbell_engine::domain::one_line(text)
}
