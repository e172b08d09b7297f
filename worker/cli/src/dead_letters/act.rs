use doorbell_engine::domain::Timestamp;
use doorbell_worker::call_failed;
use serde::Serialize;

use crate::dead_letters::ActArguments;
use crate::dead_letters::letter::Letter;
use crate::dead_letters::list::{Held, LetterView, hold_all, release, table};
use crate::dead_letters::queue::FoundQueue;
use crate::dead_letters::select::Selection;
use crate::failure::{Failure, Outcome};
use crate::screen::Screen;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Acted {
    /// `redrive` or `drop`.
    action: &'static str,
    /// Whether it was done; otherwise this is what would be.
    done: bool,
    letters: Vec<LetterView>,
    /// Meant, but left where they are: the worker kept only their beginnings.
    left: Vec<LetterView>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Redrive,
    Drop,
}

/// Sends messages back to where they came from.
///
/// # Errors
/// No message is as asked for, or AWS refused. What was not reached by then is where it was.
pub(crate) async fn redrive(
    sqs: &aws_sdk_sqs::Client,
    queues: &[FoundQueue],
    arguments: &ActArguments,
    now: Timestamp,
    screen: Screen,
) -> Result<Outcome, Failure> {
    act(sqs, queues, arguments, Action::Redrive, now, screen).await
}

/// Deletes messages for good.
///
/// # Errors
/// As [`redrive`].
pub(crate) async fn drop_letters(
    sqs: &aws_sdk_sqs::Client,
    queues: &[FoundQueue],
    arguments: &ActArguments,
    now: Timestamp,
    screen: Screen,
) -> Result<Outcome, Failure> {
    act(sqs, queues, arguments, Action::Drop, now, screen).await
}

async fn act(
    sqs: &aws_sdk_sqs::Client,
    queues: &[FoundQueue],
    arguments: &ActArguments,
    action: Action,
    now: Timestamp,
    screen: Screen,
) -> Result<Outcome, Failure> {
    let selection = Selection::from(arguments);
    let (mut letters, mut left) = (Vec::new(), Vec::new());
    for queue in queues.iter().filter(|queue| arguments.queue.is_none_or(|wanted| wanted == queue.kind)) {
        let (meant, others): (Vec<Held>, Vec<Held>) =
            hold_all(sqs, queue).await?.into_iter().partition(|held| selection.holds(&held.letter));
        let mut kept: Vec<String> = others.into_iter().map(|held| held.receipt).collect();
        for held in meant {
            if action == Action::Redrive && held.letter.is_cut {
                kept.push(held.receipt);
                left.push(held.letter);
                continue;
            }
            if arguments.yes {
                carry_out(sqs, queue, &held, action).await?;
            } else {
                kept.push(held.receipt);
            }
            letters.push(held.letter);
        }
        release(sqs, &queue.url, kept.into_iter()).await?;
    }
    report(&letters, &left, arguments.yes, action, now, screen)
}

/// A crash between the two calls leaves the message in both queues. That is harmless: the same request is the same
/// job, and an event only says which row to look at.
async fn carry_out(sqs: &aws_sdk_sqs::Client, queue: &FoundQueue, held: &Held, action: Action) -> Result<(), Failure> {
    if action == Action::Redrive {
        let call = sqs.send_message().queue_url(&queue.source_url).message_body(&held.letter.body);
        call.send().await.map_err(|error| call_failed(&format!("SendMessage {}", queue.source_url), error))?;
    }
    let call = sqs.delete_message().queue_url(&queue.url).receipt_handle(&held.receipt);
    call.send().await.map_err(|error| call_failed(&format!("DeleteMessage {}", queue.url), error))?;
    Ok(())
}

fn report(
    letters: &[Letter],
    left: &[Letter],
    done: bool,
    action: Action,
    now: Timestamp,
    screen: Screen,
) -> Result<Outcome, Failure> {
    if letters.is_empty() && left.is_empty() {
        return Err(Failure::context("no dead letter is as asked for", "`doorbell dlq list` shows them"));
    }
    let (name, verb) = match action {
        Action::Redrive => ("redrive", "sent back"),
        Action::Drop => ("drop", "deleted"),
    };
    let view = |letters: &[Letter]| letters.iter().map(LetterView::from).collect();
    let acted = Acted { action: name, done, letters: view(letters), left: view(left) };
    screen.result(&acted, || table(letters, now, screen.width()))?;
    for letter in left {
        screen.note(&format!("{} stays: the worker kept only its beginning, and half a message is none", letter.id));
    }
    match (done, letters.len()) {
        (true, count) => screen.note(&format!("{count} {verb}")),
        (false, 0) => {}
        (false, count) => screen.next(&format!("{count} would be {verb}; the same command with --yes does it")),
    }
    Ok(Outcome::Done)
}
