#![doc = include_str!("../README.md")]

mod account;
mod arguments;
mod command_line;
mod dead_letters;
mod dispatch;
mod doctor;
mod error;
mod explain;
mod git_host;
mod installation;
mod jobs;
mod logs;
mod printer;
mod project;
mod registry;
mod sigv4_client;

use std::process::ExitCode;

use crate::arguments::DoorbellArguments;
use crate::error::CliError;
use crate::printer::Printer;

/// A shell's exit code for SIGINT: 128 + 2.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = match command_line::parse::<DoorbellArguments>() {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    let printer = Printer::new(arguments.output);
    let follows = arguments.command.follows();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return report_error(printer, &CliError::operation_failed(error.to_string(), "check the machine's memory"));
        }
    };
    runtime.block_on(async {
        tokio::select! {
            ended = dispatch::run(arguments, printer) => match ended {
                Ok(outcome) => ExitCode::from(outcome.exit_code()),
                Err(failure) => report_error(printer, &failure),
            },
            // The handler only adds a note: the signal would end the process anyway.
            Ok(()) = tokio::signal::ctrl_c() => {
                printer.note_interruption(if follows {
                    "interrupted; the job continues"
                } else {
                    "interrupted; completed steps stay completed"
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
