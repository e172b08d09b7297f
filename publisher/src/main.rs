//! The binary `trigger_job`; what it does is described in the library.

use std::process::ExitCode;

use clap::Parser;
use doorbell_publisher::{Arguments, Context, Failure, Publication, Screen, Surroundings, publish_until_interrupted};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let screen = Screen::new(arguments.output);
    match run(&arguments, &screen) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.failed(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn run(arguments: &Arguments, screen: &Screen) -> Result<(), Failure> {
    let context = Context::find(arguments, &Surroundings::of_this_process())?;
    screen.notes(&context.notes);
    let request = arguments.request(context.project, context.git_ref)?;
    let publication = Publication::new(context.topic, request)?;
    if arguments.dry_run {
        screen.would_publish(&publication);
        return Ok(());
    }
    let receipt = publish_until_interrupted(&publication)?;
    screen.published(&publication, &receipt);
    Ok(())
}
