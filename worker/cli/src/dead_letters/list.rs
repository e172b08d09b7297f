use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_sqs::types::{ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName};
use clap::builder::styling::{AnsiColor, Style};
use doorbell_engine::domain::Timestamp;
use doorbell_worker::call_failed;
use serde::Serialize;

use crate::dead_letters::ListArguments;
use crate::dead_letters::letter::Letter;
use crate::dead_letters::queue::FoundQueue;
use crate::dead_letters::select::Selection;
use crate::failure::{Failure, Outcome};
use crate::screen::{Columns, Screen, ago, bold, date, dim, harmless};

/// How long a look at a queue hides its messages, should it be interrupted.
pub(super) const HIDDEN: Duration = Duration::from_secs(120);

/// The most entries of a batch call.
const BATCH: usize = 10;

/// A letter in hand: nobody else can receive it until it is let go or [`HIDDEN`] is over.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) letter: Letter,
    pub(super) receipt: String,
}

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
    let letters: Vec<Letter> = look(sqs, &queues).await?.into_iter().filter(|letter| selection.holds(letter)).collect();
    screen.result(&Listed { letters: letters.iter().map(LetterView::from).collect() }, || {
        if letters.is_empty() { Vec::new() } else { table(&letters, now, screen.width()) }
    })?;
    if letters.is_empty() {
        screen.note("no dead letters");
    }
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
    let mut found: Vec<Letter> = look(sqs, queues).await?.into_iter().filter(|one| one.id.starts_with(id)).collect();
    let (Some(letter), true) = (found.pop(), found.is_empty()) else {
        let what = format!("no message, or more than one, has an id that begins with \"{}\"", id.escape_default());
        return Err(Failure::context(what, "`doorbell dlq list` shows the ids"));
    };
    screen.result(&LetterView::from(&letter), || {
        let sent = letter.sent_at.map_or("?".to_owned(), |at| format!("{} UTC", date(at)));
        vec![
            format!("{} in the queue of {}, sent {sent}", bold(&letter.id), letter.queue.name()),
            format!("{} {}", dim("reason"), harmless(&letter.reason)),
            String::new(),
            shown_body(&letter),
        ]
    })?;
    Ok(Outcome::Done)
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
    let mut letters = Vec::new();
    for queue in queues {
        let held = hold_all(sqs, queue).await?;
        release(sqs, &queue.url, held.iter().map(|held| held.receipt.clone())).await?;
        letters.extend(held.into_iter().map(|held| held.letter));
    }
    Ok(letters)
}

/// Receives every message. It ends where a long poll, which asks all of SQS's servers, brings nothing new; what it
/// holds comes back by itself if this program is killed.
pub(super) async fn hold_all(sqs: &aws_sdk_sqs::Client, queue: &FoundQueue) -> Result<Vec<Held>, Failure> {
    let mut held = Vec::new();
    let mut seen = HashSet::new();
    loop {
        let messages = receive(sqs, queue).await?;
        let before = seen.len();
        for message in messages {
            let Some(receipt) = message.receipt_handle().map(str::to_owned) else { continue };
            if seen.insert(message.message_id().unwrap_or_default().to_owned()) {
                held.push(Held { letter: Letter::read(queue.kind, &message), receipt });
            }
        }
        if seen.len() == before {
            return Ok(held);
        }
    }
}

async fn receive(sqs: &aws_sdk_sqs::Client, queue: &FoundQueue) -> Result<Vec<Message>, Failure> {
    let answer = sqs
        .receive_message()
        .queue_url(&queue.url)
        .max_number_of_messages(10)
        .wait_time_seconds(1)
        .visibility_timeout(i32::try_from(HIDDEN.as_secs()).unwrap_or(120))
        .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
        .message_attribute_names("All")
        .send()
        .await;
    let answer = answer.map_err(|error| call_failed(&format!("ReceiveMessage {}", queue.url), error))?;
    Ok(answer.messages.unwrap_or_default())
}

/// Lets go of messages, so that others can receive them at once.
pub(super) async fn release(
    sqs: &aws_sdk_sqs::Client,
    url: &str,
    receipts: impl Iterator<Item = String>,
) -> Result<(), Failure> {
    let receipts: Vec<String> = receipts.collect();
    for some in receipts.chunks(BATCH) {
        let entries: Vec<_> = some
            .iter()
            .enumerate()
            .filter_map(|(at, receipt)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(at.to_string());
                entry.receipt_handle(receipt).visibility_timeout(0).build().ok()
            })
            .collect();
        let call = sqs.change_message_visibility_batch().queue_url(url).set_entries(Some(entries));
        call.send().await.map_err(|error| call_failed("ChangeMessageVisibilityBatch", error))?;
    }
    Ok(())
}
