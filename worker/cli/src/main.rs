#![doc = include_str!("../README.md")]

mod account;
mod arguments;
mod dead_letters;
mod dispatch;
mod doctor;
mod error;
mod explain;
mod installation;
mod jobs;
mod logs;
mod printer;
mod project;
mod registry;
mod sigv4_client;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::DoorbellArguments;
use crate::error::CliError;
use crate::printer::Printer;

/// A shell's own for SIGINT: 128 + 2.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = DoorbellArguments::parse();
    let printer = Printer::new(arguments.output);
    let follows = arguments.command.follows();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return report_error(
                printer,
                &CliError::operation_failed(error.to_string(), "is the machine out of memory?"),
            );
        }
    };
    runtime.block_on(async {
        tokio::select! {
            ended = dispatch::run(arguments, printer) => match ended {
                Ok(outcome) => ExitCode::from(outcome.exit_code()),
                Err(failure) => report_error(printer, &failure),
            },
            // Without a handler the signal would end the process as well, only not with a word.
            Ok(()) = tokio::signal::ctrl_c() => {
                printer.note_interruption(if follows {
                    "interrupted; what was looked at goes on"
                } else {
                    "interrupted; what was not done by then is as it was"
                });
                ExitCode::from(INTERRUPTED)
            }
        }
    })
}

fn report_error(printer: Printer, failure: &CliError) -> ExitCode {
    printer.print_error(failure);
    ExitCode::from(failure.kind.exit_code())
}
