use clap::builder::styling::{AnsiColor, Style};
use doorbell_engine::domain::Timestamp;
use doorbell_messages::text::escape_json;
use serde::Serialize;

use crate::dead_letters::DeadLetterListArguments;
use crate::dead_letters::message::DeadLetterMessage;
use crate::dead_letters::queue::DeadLetterQueueRef;
use crate::dead_letters::queue_scan::{self, QueueScan};
use crate::dead_letters::select::Selection;
use crate::error::{CliError, CommandOutcome};
use crate::printer::{Columns, Line, Printer, bold, dim, format_age, format_date_time, harmless, pluralize};

/// A message, for `--output json`. Its fields are stable; later versions may add fields.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeadLetterView {
    queue: &'static str,
    id: String,
    sent_at: Option<String>,
    reason: String,
    body: String,
    body_truncated: bool,
}

#[derive(Serialize)]
struct DeadLetterListOutput {
    messages: Vec<DeadLetterView>,
}

impl From<&DeadLetterMessage> for DeadLetterView {
    fn from(message: &DeadLetterMessage) -> Self {
        Self {
            queue: message.queue.name(),
            id: message.id.clone(),
            sent_at: message.sent_at.map(|at| at.to_string()),
            reason: message.reason.clone(),
            body: message.body.clone(),
            body_truncated: message.is_truncated,
        }
    }
}

/// Lists the messages of the queues.
///
/// # Errors
/// A queue cannot be read.
pub(crate) async fn list(
    sqs: &aws_sdk_sqs::Client,
    queues: &[DeadLetterQueueRef],
    arguments: &DeadLetterListArguments,
    now: Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let selection = Selection::from(arguments);
    let queues: Vec<DeadLetterQueueRef> =
        queues.iter().filter(|queue| arguments.queue.is_none_or(|kind| kind == queue.kind)).cloned().collect();
    let in_flight = queue_scan::count_in_flight(sqs, &queues).await?;
    let messages: Vec<DeadLetterMessage> =
        receive_all(sqs, &queues).await?.into_iter().filter(|message| selection.matches(message)).collect();
    printer.print_result(
        &DeadLetterListOutput { messages: messages.iter().map(DeadLetterView::from).collect() },
        || {
            if messages.is_empty() { Vec::new() } else { table(&messages, now, printer.width()) }
        },
    )?;
    if messages.is_empty() {
        printer.note("no dead letters");
    }
    note_in_flight(in_flight, printer);
    Ok(CommandOutcome::Done)
}

/// Shows one message with its whole body.
///
/// # Errors
/// No message matches, or more than one.
pub(crate) async fn show(
    sqs: &aws_sdk_sqs::Client,
    queues: &[DeadLetterQueueRef],
    id: &str,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let in_flight = queue_scan::count_in_flight(sqs, queues).await?;
    let mut found: Vec<DeadLetterMessage> =
        receive_all(sqs, queues).await?.into_iter().filter(|one| one.id.starts_with(id)).collect();
    let (Some(message), true) = (found.pop(), found.is_empty()) else {
        note_in_flight(in_flight, printer);
        let what = format!("no message, or more than one, has an id with the prefix \"{}\"", id.escape_default());
        return Err(CliError::missing(what, "`doorbell dlq list` shows the ids"));
    };
    printer.print_result(&DeadLetterView::from(&message), || {
        let sent = message.sent_at.map_or("?".to_owned(), |at| format!("{} UTC", format_date_time(at)));
        let mut lines = vec![bold(&message.id)];
        for (name, text) in
            [("queue ", message.queue.name()), ("sent  ", &sent), ("reason", &harmless(&message.reason))]
        {
            lines.extend(printer.wrap_text(dim(name).then(" ").then(text), 7));
        }
        lines.push(Line::default());
        lines.extend(format_body(&message));
        lines
    })?;
    Ok(CommandOutcome::Done)
}

/// Notes that some messages are in flight and not shown.
pub(super) fn note_in_flight(in_flight: usize, printer: Printer) {
    if in_flight > 0 {
        let what = pluralize(in_flight, "more message");
        printer.note(&format!(
            "{what} in flight; visible again within {} s",
            queue_scan::SCAN_VISIBILITY_TIMEOUT.as_secs()
        ));
    }
}

fn format_body(message: &DeadLetterMessage) -> Vec<Line> {
    let pretty = serde_json::from_str::<serde_json::Value>(&message.body).ok();
    let pretty = pretty.and_then(|value| serde_json::to_string_pretty(&value).ok()).map(|text| escape_json(&text));
    let mut lines: Vec<Line> = match &pretty {
        Some(pretty) => pretty.lines().map(Line::from).collect(),
        // Indented: no line of a stranger's body passes for one of this program.
        None => message.body.lines().map(|line| Line::from("  ").then(line)).collect(),
    };
    if message.is_truncated {
        lines.push("... (the worker kept only the beginning)".into());
    }
    lines
}

pub(super) fn table(messages: &[DeadLetterMessage], now: Timestamp, width: Option<usize>) -> Vec<Line> {
    let mut columns = Columns::new(&["QUEUE", "AGE", "ID", "REASON"]);
    for message in messages {
        columns.row(vec![
            (AnsiColor::Yellow.on_default(), message.queue.name().to_owned()),
            (Style::new().dimmed(), message.sent_at.map_or("?".to_owned(), |at| format_age(at, now))),
            (Style::new(), message.id.chars().take(8).collect()),
            (Style::new(), harmless(&message.reason)),
        ]);
    }
    columns.lines(width)
}

async fn receive_all(
    sqs: &aws_sdk_sqs::Client,
    queues: &[DeadLetterQueueRef],
) -> Result<Vec<DeadLetterMessage>, CliError> {
    // At once: an empty queue is known to be empty only after a second.
    let each = queues.iter().map(|queue| async move {
        let mut messages = Vec::new();
        let mut scan = QueueScan::start(sqs, queue);
        while let Some(page) = scan.next().await? {
            messages.extend(page);
        }
        scan.release().await?;
        Ok::<_, CliError>(messages)
    });
    Ok(futures_util::future::try_join_all(each).await?.concat())
}
