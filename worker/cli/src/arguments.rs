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

/// For the owner of a Doorbell installation: what was asked, what became of it, and why nothing happened.
///
/// It uses your own AWS credentials, and the worker's own settings to know which installation is meant.
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
    /// Walk the whole chain, and say what is broken and how it is fixed
    Doctor(DoctorArguments),
    /// Jobs: list, show, watch, cancel, run again
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// What a job's build printed; -f follows it
    Logs(LogsArguments),
    /// Dead-letter queues: list, show, send back, delete
    #[command(subcommand)]
    Dlq(DlqCommand),
    /// The registry: list, show, check, write and remove projects
    #[command(subcommand)]
    Project(ProjectCommand),
    /// What would happen to a request, and why, without doing it
    Explain(ExplainArguments),
}

impl DoorbellCommand {
    /// Whether it only looks on, until something ends.
    pub(crate) fn follows(&self) -> bool {
        match self {
            Self::Jobs(JobsCommand::Watch(_)) => true,
            Self::Logs(logs) => logs.follows(),
            _ => false,
        }
    }
}

const AFTER_HELP: &str = "\
stdout has the result alone; everything else goes to stderr. Nothing is coloured in a pipe or with NO_COLOR.

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
  1    the answer is no: the build failed, a check failed, a document is wrong
  2    the arguments or a setting are wrong
  3    a setting is missing, or there is no such job, project, message or queue
  4    no credentials, or these may not
  5    AWS did not do it, after retries: try again
  6    the job is rejected
  7    the job is canceled
  8    the job ended in an error or a timeout
  130  interrupted
  141  nobody reads the output";

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
            // clap would break a longer one, and what is then copied is not the command.
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
                // What stands in quotes is one word.
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
