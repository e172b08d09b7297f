use doorbell_engine::domain::Timestamp;
use futures_util::future::try_join_all;
use serde::Serialize;

use crate::dead_letters::ActArguments;
use crate::dead_letters::letter::Letter;
use crate::dead_letters::list::{LetterView, note_hidden, table};
use crate::dead_letters::queue::FoundQueue;
use crate::dead_letters::select::Selection;
use crate::dead_letters::walk::{self, Walk};
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
    let queues: Vec<FoundQueue> =
        queues.iter().filter(|queue| arguments.queue.is_none_or(|wanted| wanted == queue.kind)).cloned().collect();
    let hidden = walk::hidden(sqs, &queues).await?;
    let each = queues.iter().map(|queue| act_on(sqs, queue, &selection, action, arguments.yes));
    let (letters, left): (Vec<_>, Vec<_>) = try_join_all(each).await?.into_iter().unzip();
    let reported = report(&letters.concat(), &left.concat(), arguments.yes, action, now, screen);
    note_hidden(hidden, screen);
    reported
}

/// The letters of one queue that are meant; and of those, the ones that have to stay.
async fn act_on(
    sqs: &aws_sdk_sqs::Client,
    queue: &FoundQueue,
    selection: &Selection<'_>,
    action: Action,
    is_done: bool,
) -> Result<(Vec<Letter>, Vec<Letter>), Failure> {
    let (mut letters, mut left) = (Vec::new(), Vec::new());
    let mut walk = Walk::begin(sqs, queue);
    // Page by page, so that what a crash leaves hidden is a page and not the queue.
    while let Some(page) = walk.next().await? {
        for letter in page.into_iter().filter(|letter| selection.holds(letter)) {
            if action == Action::Redrive && letter.is_cut {
                left.push(letter);
                continue;
            }
            if is_done {
                carry_out(&mut walk, &letter, action).await?;
            }
            letters.push(letter);
        }
    }
    walk.end().await?;
    Ok((letters, left))
}

/// A crash between the two calls leaves the message in both queues. That is harmless: the same request is the same
/// job, and an event only says which row to look at.
async fn carry_out(walk: &mut Walk<'_>, letter: &Letter, action: Action) -> Result<(), Failure> {
    if action == Action::Redrive {
        walk.send_back(letter).await?;
    }
    walk.delete(letter).await
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
