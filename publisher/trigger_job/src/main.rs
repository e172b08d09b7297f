//! The binary `trigger_job`; what it does is described in the library.

use std::process::ExitCode;

use clap::Parser;
use doorbell_publisher::Publication;
use doorbell_trigger_job::{
    Console, HostEnvironment, PrintCommand, RequestContext, TriggerArguments, TriggerFailure, print,
    publish_until_interrupted, write_ci_output,
};

fn main() -> ExitCode {
    let arguments = TriggerArguments::parse();
    let host = HostEnvironment::from_process();
    let console = Console::new(arguments.output, host.vendor().filter(|_| !arguments.no_detect));
    let outcome = match arguments.command {
        Some(command) => run_print_command(command),
        None => publish_request(&arguments, &host, &console),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            console.failure(&failure);
            ExitCode::from(failure.kind.exit_code())
        }
    }
}

fn publish_request(
    arguments: &TriggerArguments,
    host: &HostEnvironment<'_>,
    console: &Console,
) -> Result<(), TriggerFailure> {
    let context = RequestContext::resolve(arguments, host)?;
    console.notes(&context.notes);
    if arguments.show_context {
        console.show_context(&context);
        // As a run would end: its exit code says whether this context is enough.
        return context.request(arguments).map(drop);
    }
    let (topic, request) = context.request(arguments)?;
    let publication =
        Publication::new(topic, request).map_err(|error| TriggerFailure::from_publish_error(&error, None))?;
    console.ci_log_context(&context);
    if arguments.dry_run {
        console.dry_run(&publication);
        return Ok(());
    }
    let credential_source = context.credential_source(host)?;
    let receipt = publish_until_interrupted(&publication, &credential_source)?;
    console.notes(&write_ci_output(context.vendor, arguments, host, &publication, &receipt));
    console.published(&publication, &receipt);
    Ok(())
}

fn run_print_command(command: PrintCommand) -> Result<(), TriggerFailure> {
    match print(command) {
        // Whoever reads only the first lines has closed the pipe, and is served.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(TriggerFailure::stdout_failed(&error)),
        _ => Ok(()),
    }
}
