#![doc = include_str!("../README.md")]

mod account;
mod arguments;
mod dead_letters;
mod dispatch;
mod doctor;
mod explain;
mod failure;
mod installation;
mod jobs;
mod logs;
mod project;
mod registry;
mod screen;
mod signed;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::screen::Screen;

/// A shell's own for SIGINT: 128 + 2.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let screen = Screen::new(arguments.output);
    let follows = arguments.command.follows();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(screen, &Failure::not_done(error.to_string(), "is the machine out of memory?")),
    };
    runtime.block_on(async {
        tokio::select! {
            ended = dispatch::run(arguments, screen) => match ended {
                Ok(outcome) => ExitCode::from(outcome.exit_code()),
                Err(failure) => failed(screen, &failure),
            },
            // Without a handler the signal would end the process as well, only not with a word.
            Ok(()) = tokio::signal::ctrl_c() => {
                screen.interrupted(if follows {
                    "interrupted; what was looked at goes on"
                } else {
                    "interrupted; what was not done by then is as it was"
                });
                ExitCode::from(INTERRUPTED)
            }
        }
    })
}

fn failed(screen: Screen, failure: &Failure) -> ExitCode {
    screen.failed(failure);
    ExitCode::from(failure.kind.exit_code())
}
