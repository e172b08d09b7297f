//! Processes that stop before each call, and the schedules in which they can take their steps.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// A task of a worker. Dropping it is a crash.
pub(crate) type Process = Pin<Box<dyn Future<Output = ()>>>;

/// Gives up control once: a process stops here until it is polled again.
pub(crate) async fn interrupt() {
    let mut was_polled = false;
    poll_fn(|context| {
        if std::mem::replace(&mut was_polled, true) {
            return Poll::Ready(());
        }
        // A set of futures polls again only those that were woken.
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Polls a process once: one call. True if it has ended.
pub(crate) fn advance(process: &mut Process) -> bool {
    process.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// Polls a process to its end.
pub(crate) fn run_to_end(mut process: Process) {
    for _ in 0..200 {
        if advance(&mut process) {
            return;
        }
    }
    panic!("a process does not end");
}

/// The choices of one run: those of the prefix, then the first one each time. Counts the options of each.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    choices: Vec<usize>,
    options: Vec<usize>,
}

impl Schedule {
    pub(crate) fn choose(&mut self, options: usize) -> usize {
        let position = self.options.len();
        self.options.push(options);
        if position == self.choices.len() {
            self.choices.push(0);
        }
        self.choices[position]
    }

    pub(crate) fn choices(&self) -> &[usize] {
        &self.choices
    }

    /// Whether the next choice is one that no earlier run has made.
    pub(crate) fn is_past_its_prefix(&self) -> bool {
        self.options.len() == self.choices.len()
    }

    /// The next schedule in lexical order.
    pub(crate) fn next(mut self) -> Option<Self> {
        while let Some(choice) = self.choices.pop() {
            if choice + 1 < self.options[self.choices.len()] {
                self.choices.push(choice + 1);
                return Some(Self { choices: self.choices, options: Vec::new() });
            }
        }
        None
    }
}
