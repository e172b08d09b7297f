//! `doorbell dlq`: messages that nobody could work on, in each of the three queues where they end.

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
    /// What lies in the dead-letter queues: queue, age, id, reason
    #[command(
        after_help = "Listing receives every message and lets go of it again; for as long as that takes, and for \
                            at most 20 s after Ctrl-C, nobody else can receive them.\n\nExamples:\n  doorbell \
                            dlq list\n  doorbell dlq list --queue requests --reason 'not valid'"
    )]
    List(DeadLetterListArguments),
    /// One message, with its whole body
    #[command(after_help = "Examples:\n  doorbell dlq show 567910cd\n  doorbell dlq show 567910cd --output json")]
    Show(DeadLetterShowArguments),
    /// Send messages back to where they came from; without --yes, say which
    #[command(
        after_help = "Each message is sent first and deleted then: whatever interrupts it, none is lost, and one \
                            that is in both places is one job all the same.\n\nExamples:\n  doorbell dlq redrive \
                            567910cd\n  doorbell dlq redrive --reason 'the ledger' --yes\n  doorbell dlq redrive --all \
                            --queue subscription --yes"
    )]
    Redrive(DeadLetterActionArguments),
    /// Delete messages for good; without --yes, say which
    #[command(
        after_help = "Keep a copy first: doorbell dlq list --output json > messages.json\n\nExamples:\n  doorbell \
                            dlq delete 567910cd\n  doorbell dlq delete --reason 'not a JSON object' --yes"
    )]
    Delete(DeadLetterActionArguments),
}

/// Which messages are meant.
#[derive(Debug, Args)]
pub(crate) struct DeadLetterListArguments {
    /// Only this queue's: requests, subscription or events
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<DeadLetterQueue>,
    /// Only those whose reason holds this text
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetterShowArguments {
    /// The message's id, or the beginning of it
    #[arg(value_name = "ID")]
    pub(crate) id: String,
}

#[derive(Debug, Args)]
pub(crate) struct DeadLetterActionArguments {
    /// The messages' ids, or the beginnings of them
    #[arg(value_name = "ID", required_unless_present_any = ["reason", "all"])]
    pub(crate) ids: Vec<String>,
    /// Those whose reason holds this text
    #[arg(long, value_name = "TEXT", conflicts_with = "all")]
    pub(crate) reason: Option<String>,
    /// All of them
    #[arg(long, conflicts_with = "ids")]
    pub(crate) all: bool,
    /// Only this queue's: requests, subscription or events
    #[arg(long, value_name = "QUEUE")]
    pub(crate) queue: Option<DeadLetterQueue>,
    /// Do it
    #[arg(long)]
    pub(crate) yes: bool,
}
