use doorbell_engine::domain::Timestamp;
use futures_util::future::try_join_all;
use serde::Serialize;

use crate::dead_letters::DeadLetterActionArguments;
use crate::dead_letters::list::{DeadLetterView, note_in_flight, table};
use crate::dead_letters::message::DeadLetterMessage;
use crate::dead_letters::queue::DeadLetterQueueRef;
use crate::dead_letters::queue_scan::{self, QueueScan};
use crate::dead_letters::select::Selection;
use crate::error::{CliError, CommandOutcome};
use crate::printer::Printer;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RedriveOutput {
    /// `redrive_problem` or `delete`.
    action: &'static str,
    /// Whether it was done; otherwise this is what would be.
    done: bool,
    messages: Vec<DeadLetterView>,
    /// Meant, but left where they are: the worker kept only their beginnings.
    not_sent: Vec<DeadLetterView>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DeadLetterAction {
    Redrive,
    Delete,
}

/// Sends messages back to where they came from.
///
/// # Errors
/// No message is as asked for, or AWS refused. What was not reached by then is where it was.
pub(crate) async fn redrive(
    sqs: &aws_sdk_sqs::Client,
    queues: &[DeadLetterQueueRef],
    arguments: &DeadLetterActionArguments,
    now: Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    apply_action(sqs, queues, arguments, DeadLetterAction::Redrive, now, printer).await
}

/// Deletes messages for good.
///
/// # Errors
/// As [`redrive_problem`].
pub(crate) async fn delete(
    sqs: &aws_sdk_sqs::Client,
    queues: &[DeadLetterQueueRef],
    arguments: &DeadLetterActionArguments,
    now: Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    apply_action(sqs, queues, arguments, DeadLetterAction::Delete, now, printer).await
}

async fn apply_action(
    sqs: &aws_sdk_sqs::Client,
    queues: &[DeadLetterQueueRef],
    arguments: &DeadLetterActionArguments,
    action: DeadLetterAction,
    now: Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    let selection = Selection::from(arguments);
    let queues: Vec<DeadLetterQueueRef> =
        queues.iter().filter(|queue| arguments.queue.is_none_or(|kind| kind == queue.kind)).cloned().collect();
    let hidden = queue_scan::count_in_flight(sqs, &queues).await?;
    let each = queues.iter().map(|queue| apply_to_queue(sqs, queue, &selection, action, arguments.yes));
    let (messages, not_sent): (Vec<_>, Vec<_>) = try_join_all(each).await?.into_iter().unzip();
    let result = print_result(&messages.concat(), &not_sent.concat(), arguments.yes, action, now, printer);
    note_in_flight(hidden, printer);
    result
}

/// The letters of one queue that are meant; and of those, the ones that have to stay.
async fn apply_to_queue(
    sqs: &aws_sdk_sqs::Client,
    queue: &DeadLetterQueueRef,
    selection: &Selection<'_>,
    action: DeadLetterAction,
    execute: bool,
) -> Result<(Vec<DeadLetterMessage>, Vec<DeadLetterMessage>), CliError> {
    let (mut messages, mut not_sent) = (Vec::new(), Vec::new());
    let mut scan = QueueScan::start(sqs, queue);
    // Page by page, so that what a crash leaves hidden is a page and not the queue.
    while let Some(page) = scan.next().await? {
        for message in page.into_iter().filter(|message| selection.matches(message)) {
            if action == DeadLetterAction::Redrive && message.is_truncated {
                not_sent.push(message);
                continue;
            }
            if execute {
                apply_to_message(&mut scan, &message, action).await?;
            }
            messages.push(message);
        }
    }
    scan.release().await?;
    Ok((messages, not_sent))
}

/// A crash between the two calls leaves the message in both queues. That is harmless: the same request is the same
/// job, and an event only says which row to look at.
async fn apply_to_message(
    scan: &mut QueueScan<'_>,
    message: &DeadLetterMessage,
    action: DeadLetterAction,
) -> Result<(), CliError> {
    if action == DeadLetterAction::Redrive {
        scan.send_back(message).await?;
    }
    scan.delete(message).await
}

fn print_result(
    messages: &[DeadLetterMessage],
    not_sent: &[DeadLetterMessage],
    done: bool,
    action: DeadLetterAction,
    now: Timestamp,
    printer: Printer,
) -> Result<CommandOutcome, CliError> {
    if messages.is_empty() && not_sent.is_empty() {
        return Err(CliError::missing("no dead letter is as asked for", "`doorbell dlq list` shows them"));
    }
    let (name, verb) = match action {
        DeadLetterAction::Redrive => ("redrive", "sent back"),
        DeadLetterAction::Delete => ("delete", "deleted"),
    };
    let view = |messages: &[DeadLetterMessage]| messages.iter().map(DeadLetterView::from).collect();
    let output = RedriveOutput { action: name, done, messages: view(messages), not_sent: view(not_sent) };
    printer.print_result(&output, || table(messages, now, printer.width()))?;
    for letter in not_sent {
        printer.note(&format!("{} stays: the worker kept only its beginning, and half a message is none", letter.id));
    }
    match (done, messages.len()) {
        (true, count) => printer.note(&format!("{count} {verb}")),
        (false, 0) => {}
        (false, count) => printer.next(&format!("{count} would be {verb}; the same command with --yes does it")),
    }
    Ok(CommandOutcome::Done)
}
