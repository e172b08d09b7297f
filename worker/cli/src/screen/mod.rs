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
    // Not documented one by one: clap would give every option of every help three lines.
    Text,
    Json,
}

/// Where results go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    format: Format,
    /// Columns of the terminal; none in a pipe, where nothing is cut.
    width: Option<usize>,
    /// Lines of the terminal.
    height: Option<usize>,
}

impl Screen {
    pub(crate) fn new(format: Format) -> Self {
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

    /// Shows these lines in place of what the terminal shows. It is written over and not cleared, which would flicker,
    /// and the cursor is left visible below: whatever ends this program, the terminal is as it was.
    ///
    /// # Errors
    /// Nobody looks any more.
    pub(crate) fn frame(self, lines: &[String]) -> Result<(), Failure> {
        self.steer("\x1b[H")?;
        for line in lines {
            let shown = write!(anstream::stdout(), "{line}");
            shown.map_err(|error| Failure::not_done(format!("the terminal is gone: {error}"), "nothing"))?;
            self.steer("\x1b[K\n")?;
        }
        self.steer("\x1b[J")
    }

    /// Past `anstream`, to which this is a colour.
    fn steer(self, sequence: &str) -> Result<(), Failure> {
        let mut stdout = std::io::stdout();
        let written = stdout.write_all(sequence.as_bytes()).and_then(|()| stdout.flush());
        written.map_err(|error| Failure::not_done(format!("the terminal is gone: {error}"), "nothing"))
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

    /// Says that the person has ended this, on a line of its own: the terminal has written `^C`.
    pub(crate) fn interrupted(self, text: &str) {
        if std::io::stderr().is_terminal() {
            let _ = writeln!(std::io::stderr());
        }
        self.note(text);
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
    let width =
        terminal_size::terminal_size_of(std::io::stderr()).map_or(usize::MAX, |(width, _)| usize::from(width.0));
    for line in wrap::wrap(&format!("{style}{word}:{style:#} {text}"), width, word.len() + 2) {
        // When stderr is closed, nobody is left to tell.
        let _ = writeln!(anstream::stderr(), "{line}");
    }
}

/// A number of things: `1 job`, `2 jobs`.
pub(crate) fn counted(count: usize, thing: &str) -> String {
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
