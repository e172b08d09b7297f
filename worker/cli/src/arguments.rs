use clap::{Parser, Subcommand};

use crate::account::AwsArguments;
use crate::dead_letters::DlqCommand;
use crate::doctor::DoctorArguments;
use crate::explain::ExplainArguments;
use crate::installation::Installation;
use crate::jobs::JobsCommand;
use crate::logs::LogsArguments;
use crate::printer::PrintFormat;
use crate::project::ProjectCommand;

/// For the owner of a Doorbell installation: shows jobs, dead letters and projects, and finds faults.
///
/// It uses your own AWS credentials. The worker's settings identify the installation.
#[derive(Debug, Parser)]
#[command(name = "doorbell", version, after_help = AFTER_HELP, max_term_width = 100)]
pub(crate) struct DoorbellArguments {
    #[command(subcommand)]
    pub(crate) command: DoorbellCommand,
    /// How to print the result: lines for people, or one JSON object on one line
    #[arg(long, value_enum, default_value_t = PrintFormat::Text, value_name = "FORMAT", global = true)]
    pub(crate) output: PrintFormat,
    #[command(flatten)]
    pub(crate) aws: AwsArguments,
    #[command(flatten)]
    pub(crate) installation: Installation,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DoorbellCommand {
    /// Check every link from the topic to the forge, and show how to fix what is broken
    Doctor(DoctorArguments),
    /// Jobs: list, show, watch, cancel, rerun
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Print the log of a job's build; -f follows it
    Logs(LogsArguments),
    /// Dead-letter queues: list, show, redrive, delete
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// The registry: list, show, lint, put and remove projects
    #[command(subcommand)]
    Project(ProjectCommand),
    /// Show what the worker would decide about a request, and why
    Explain(ExplainArguments),
}

impl DoorbellCommand {
    /// Whether the command only follows something until it ends.
    pub(crate) fn follows(&self) -> bool {
        match self {
            Self::Jobs(JobsCommand::Watch(_)) => true,
            Self::Logs(logs) => logs.follows(),
            _ => false,
        }
    }
}

const AFTER_HELP: &str = "\
stdout contains the result alone; everything else goes to stderr. A pipe and NO_COLOR get no color.

Examples:
  doorbell doctor
  doorbell jobs list --project demo
  doorbell jobs show ci-4711
  doorbell logs -f ci-4711
  doorbell dlq list --output json
  doorbell project put demo demo.json
  doorbell explain --project demo --branch main

Exit codes:
  0    done
  1    the answer is no: the build failed, a check failed, a document is invalid
  2    invalid arguments or settings
  3    a setting is missing, or there is no such job, project, message or queue
  4    missing credentials or access denied
  5    AWS call failed after retries
  6    the job is rejected
  7    the job is canceled
  8    the job ended in an error or a timeout
  130  interrupted
  141  output closed (SIGPIPE)";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn doorbell_command_line_definition_is_valid() {
        DoorbellArguments::command().debug_assert();
    }

    #[test]
    fn every_subcommand_help_has_examples() {
        let mut command = DoorbellArguments::command();
        command.build();
        for_each_leaf(&command, &mut |leaf| {
            let help = leaf.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("Examples:\n  doorbell "), "{} has no examples", leaf.get_name());
            // clap would break a longer line, and a copied line must be the whole command.
            let long = help.lines().find(|line| line.starts_with("  doorbell ") && line.len() > 60);
            assert_eq!(long, None, "an example does not fit 60 columns");
        });
    }

    #[test]
    fn every_help_example_parses() {
        let mut command = DoorbellArguments::command();
        command.build();
        let mut count = 0;
        for_each_leaf(&command, &mut |leaf| {
            let help = leaf.get_after_help().map(ToString::to_string).unwrap_or_default();
            for line in help.lines().filter(|line| line.starts_with("  doorbell ")) {
                let line = line.split(['|', '>']).next().unwrap_or_default();
                // A quoted part is one word.
                let parts = line.split(['\'', '"']).enumerate();
                let words: Vec<&str> = parts
                    .flat_map(|(at, part)| if at % 2 == 1 { vec![part] } else { part.split_whitespace().collect() })
                    .collect();
                assert!(DoorbellArguments::try_parse_from(&words).is_ok(), "{line}");
                count += 1;
            }
        });
        assert!(count > 25, "{count}");
    }

    fn for_each_leaf(command: &clap::Command, visit: &mut impl FnMut(&clap::Command)) {
        let mut subcommands = command.get_subcommands().filter(|one| one.get_name() != "help").peekable();
        if subcommands.peek().is_none() {
            visit(command);
        }
        for subcommand in subcommands {
            for_each_leaf(subcommand, visit);
        }
    }
}
