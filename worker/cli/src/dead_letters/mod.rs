//! `doorbell dlq`: lists, redrives and deletes messages of the three dead-letter queues.

mod list;
mod message;
mod queue;
mod queue_scan;
mod redrive;
mod select;

use clap::{Args, Subcommand};

pub(crate) use list::{list, show};
pub(crate) use queue::{DeadLetterQueue, attribute, discover, subscription_arn};
pub(crate) use redrive::{delete, redrive};

#[derive(Debug, Subcommand)]
pub(crate) enum DlqCommand {
    /// List the messages of the dead-letter queues
    #[command(after_help = "Listing receives every message and releases it. Until then, and for at most 20 s after \
                            Ctrl-C, no other program can receive them.\n\nExamples:\n  doorbell \
                            dlq list\n  doorbell dlq list --queue requests --reason 'not valid'")]
    List(DeadLetterListArguments),
    /// Show one message with its whole body
    #[command(after_help = "Examples:\n  doorbell dlq show 567910cd\n  doorbell dlq show 567910cd --output json")]
    Show(DeadLetterShowArguments),
    /// Send messages back to their queue; without --yes, show which
    #[command(after_help = "Each message is sent first and deleted then, so none is lost. A message that is in both \
                            queues after an interruption is still one job.\n\nExamples:\n  doorbell dlq redrive \
                            567910cd\n  doorbell dlq redrive --reason 'the ledger' --yes\n  doorbell dlq redrive --all \
                            --queue subscription --yes")]
    Redrive(DeadLetterActionArguments),
    /// Delete messages for good; without --yes, show which
    #[command(
        after_help = "Keep a copy first: doorbell dlq list --output json > messages.json\n\nExamples:\n  doorbell \
                            dlq delete 567910cd\n  doorbell dlq delete --reason 'not a JSON object' --yes"
    )]
    Delete(DeadLetterActionArguments),
}

/// Arguments that select messages.
#[derive(Debug, Args)]
pub(crate) struct DeadLetterListArguments {
    /// Only messages of this queue: requests, subscription or events
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<DeadLetterQueue>,
    /// Only messages whose reason contains this string
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetterShowArguments {
    /// The message's id, or a prefix of it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetterActionArguments {
    /// The messages' ids, or prefixes of them
    #[arg(value_name = "ID", required_unless_present_any = ["reason", "all"])]
    pub(crate) ids: Vec<String>,
    /// Messages whose reason contains this string
    #[arg(long, value_name = "TEXT", conflicts_with = "all")]
    pub(crate) reason: Option<String>,
    /// All messages
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Only messages of this queue: requests, subscription or events
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<DeadLetterQueue>,
    /// Apply the change
    #[arg(long)]
    pub(crate) yes: bool,
}
