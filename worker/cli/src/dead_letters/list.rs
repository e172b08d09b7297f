use clap::builder::styling::{AnsiColor, Style};
use doorbell_engine::domain::Timestamp;
use serde::Serialize;

use crate::dead_letters::ListArguments;
use crate::dead_letters::letter::Letter;
use crate::dead_letters::queue::FoundQueue;
use crate::dead_letters::select::Selection;
use crate::dead_letters::walk::{self, Walk};
use crate::failure::{Failure, Outcome};
use crate::screen::{Columns, Screen, ago, bold, counted, date, dim, harmless};

/// A letter, for `--output json`. Its fields are a promise: they stay, and others may join them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LetterView {
    queue: &'static str,
    id: String,
    sent_at: Option<String>,
    reason: String,
    body: String,
    body_cut: bool,
}

#[derive(Serialize)]
struct Listed {
    letters: Vec<LetterView>,
}

impl From<&Letter> for LetterView {
    fn from(letter: &Letter) -> Self {
        Self {
            queue: letter.queue.name(),
            id: letter.id.clone(),
            sent_at: letter.sent_at.map(|at| at.to_string()),
            reason: letter.reason.clone(),
            body: letter.body.clone(),
            body_cut: letter.is_cut,
        }
    }
}

/// What lies in the queues.
///
/// # Errors
/// A queue can't be received from.
pub(crate) async fn list(
    sqs: &aws_sdk_sqs::Client,
    queues: &[FoundQueue],
    arguments: &ListArguments,
    now: Timestamp,
    screen: Screen,
) -> Result<Outcome, Failure> {
    let selection = Selection::from(arguments);
    let queues: Vec<FoundQueue> =
        queues.iter().filter(|queue| arguments.queue.is_none_or(|wanted| wanted == queue.kind)).cloned().collect();
    let hidden = walk::hidden(sqs, &queues).await?;
    let letters: Vec<Letter> = look(sqs, &queues).await?.into_iter().filter(|letter| selection.holds(letter)).collect();
    screen.result(&Listed { letters: letters.iter().map(LetterView::from).collect() }, || {
        if letters.is_empty() { Vec::new() } else { table(&letters, now, screen.width()) }
    })?;
    if letters.is_empty() {
        screen.note("no dead letters");
    }
    note_hidden(hidden, screen);
    Ok(Outcome::Done)
}

/// One message, whole.
///
/// # Errors
/// No message has that id, or more than one.
pub(crate) async fn show(
    sqs: &aws_sdk_sqs::Client,
    queues: &[FoundQueue],
    id: &str,
    screen: Screen,
) -> Result<Outcome, Failure> {
    let hidden = walk::hidden(sqs, queues).await?;
    let mut found: Vec<Letter> = look(sqs, queues).await?.into_iter().filter(|one| one.id.starts_with(id)).collect();
    let (Some(letter), true) = (found.pop(), found.is_empty()) else {
        note_hidden(hidden, screen);
        let what = format!("no message, or more than one, has an id that begins with \"{}\"", id.escape_default());
        return Err(Failure::context(what, "`doorbell dlq list` shows the ids"));
    };
    screen.result(&LetterView::from(&letter), || {
        let sent = letter.sent_at.map_or("?".to_owned(), |at| format!("{} UTC", date(at)));
        let mut lines = vec![bold(&letter.id)];
        for (name, text) in [("queue ", letter.queue.name()), ("sent  ", &sent), ("reason", &harmless(&letter.reason))]
        {
            lines.extend(screen.wrapped(&format!("{} {text}", dim(name)), 7));
        }
        lines.extend([String::new(), shown_body(&letter)]);
        lines
    })?;
    Ok(Outcome::Done)
}

/// Says that there is more than can be seen now.
pub(super) fn note_hidden(hidden: usize, screen: Screen) {
    if hidden > 0 {
        let what = counted(hidden, "more message");
        screen.note(&format!("{what} just in somebody's hands, to be seen again within {} s", walk::HIDDEN.as_secs()));
    }
}

fn shown_body(letter: &Letter) -> String {
    let pretty = serde_json::from_str::<serde_json::Value>(&letter.body).ok();
    let pretty = pretty.and_then(|value| serde_json::to_string_pretty(&value).ok());
    // JSON escapes control characters by itself; other text is made harmless line by line.
    let text = pretty.unwrap_or_else(|| letter.body.lines().map(harmless).collect::<Vec<_>>().join("\n"));
    if letter.is_cut { format!("{text}\n... (the worker kept only the beginning)") } else { text }
}

pub(super) fn table(letters: &[Letter], now: Timestamp, width: Option<usize>) -> Vec<String> {
    let mut columns = Columns::new(&["QUEUE", "AGE", "ID", "REASON"]);
    for letter in letters {
        columns.row(vec![
            (AnsiColor::Yellow.on_default(), letter.queue.name().to_owned()),
            (Style::new().dimmed(), letter.sent_at.map_or("?".to_owned(), |at| ago(at, now))),
            (Style::new(), letter.id.chars().take(8).collect()),
            (Style::new(), harmless(&letter.reason)),
        ]);
    }
    columns.lines(width)
}

async fn look(sqs: &aws_sdk_sqs::Client, queues: &[FoundQueue]) -> Result<Vec<Letter>, Failure> {
    // At once: each queue's end is known only after a second of waiting.
    let each = queues.iter().map(|queue| async move {
        let mut letters = Vec::new();
        let mut walk = Walk::begin(sqs, queue);
        while let Some(page) = walk.next().await? {
            letters.extend(page);
        }
        walk.end().await?;
        Ok::<_, Failure>(letters)
    });
    Ok(futures_util::future::try_join_all(each).await?.concat())
}
