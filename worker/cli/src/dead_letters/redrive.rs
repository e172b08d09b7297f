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
    /// `redrive` or `delete`.
    action: &'static str,
    /// Whether the change was applied; otherwise this is a preview.
    done: bool,
    messages: Vec<DeadLetterView>,
    /// Selected but not sent: the worker kept only their beginnings.
    not_sent: Vec<DeadLetterView>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DeadLetterAction {
    Redrive,
    Delete,
}

/// Sends messages back to their source queue.
///
/// # Errors
/// No message matches, or an AWS call failed. The remaining messages are unchanged.
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
/// As for [`redrive`].
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

/// Applies the action to one queue; returns the selected messages, and those that cannot be sent.
async fn apply_to_queue(
    sqs: &aws_sdk_sqs::Client,
    queue: &DeadLetterQueueRef,
    selection: &Selection<'_>,
    action: DeadLetterAction,
    execute: bool,
) -> Result<(Vec<DeadLetterMessage>, Vec<DeadLetterMessage>), CliError> {
    let (mut messages, mut not_sent) = (Vec::new(), Vec::new());
    let mut scan = QueueScan::start(sqs, queue);
    // Page by page, so that a crash leaves one page in flight and not the whole queue.
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

/// Sends a message, then deletes it.
///
/// A crash between the two calls leaves the message in both queues. That is harmless: the same request is the same job,
/// and an event only names the row to process.
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
        return Err(CliError::missing("no dead letter matches", "`doorbell dlq list` shows them"));
    }
    let (name, verb) = match action {
        DeadLetterAction::Redrive => ("redrive", "sent back"),
        DeadLetterAction::Delete => ("delete", "deleted"),
    };
    let view = |messages: &[DeadLetterMessage]| messages.iter().map(DeadLetterView::from).collect();
    let output = RedriveOutput { action: name, done, messages: view(messages), not_sent: view(not_sent) };
    printer.print_result(&output, || table(messages, now, printer.width()))?;
    for message in not_sent {
        printer.note(&format!("{} not sent: the worker kept only its beginning", message.id));
    }
    match (done, messages.len()) {
        (true, count) => printer.note(&format!("{count} {verb}")),
        (false, 0) => {}
        (false, count) => printer.next(&format!("{count} would be {verb}; the same command with --yes does it")),
    }
    Ok(CommandOutcome::Done)
}
