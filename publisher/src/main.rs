//! The binary `trigger_job`; what it does is described in the library.

use std::process::ExitCode;

use clap::Parser;
use doorbell_publisher::{
    Arguments, Command, Context, Failure, Publication, Screen, Surroundings, announce, print, publish_until_interrupted,
};

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let surroundings = Surroundings::of_this_process();
    let screen = Screen::new(arguments.output, surroundings.vendor().filter(|_| !arguments.no_detect));
    let outcome = match arguments.command {
        Some(command) => other(command),
        None => ask(&arguments, &surroundings, &screen),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            screen.failed(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn ask(arguments: &Arguments, surroundings: &Surroundings<'_>, screen: &Screen) -> Result<(), Failure> {
    let context = Context::find(arguments, surroundings)?;
    screen.notes(&context.notes);
    if arguments.show_context {
        screen.show_context(&context);
        // As a run would end: its exit code says whether this context is enough.
        return context.request(arguments).map(drop);
    }
    let (topic, request) = context.request(arguments)?;
    let publication = Publication::new(topic, request)?;
    screen.context(&context);
    if arguments.dry_run {
        screen.would_publish(&publication);
        return Ok(());
    }
    let identity = context.identity(surroundings)?;
    let receipt = publish_until_interrupted(&publication, &identity)?;
    screen.notes(&announce(context.vendor, arguments, surroundings, &publication, &receipt));
    screen.published(&publication, &receipt);
    Ok(())
}

fn other(command: Command) -> Result<(), Failure> {
    match print(command) {
        // Whoever reads only the first lines has closed the pipe, and is served.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::not_printed(&error)),
        _ => Ok(()),
    }
}
