//! The binary `trigger_job`; the library describes it.

use std::process::ExitCode;

use doorbell_publisher::Publication;
use doorbell_trigger_job::{
    Console, HostEnvironment, PrintCommand, RequestContext, ResultFormat, TriggerArguments, TriggerFailure, print,
    publish_until_interrupted, write_ci_output,
};

fn main() -> ExitCode {
    let host = HostEnvironment::from_process();
    let arguments = match TriggerArguments::from_command_line() {
        Ok(arguments) => arguments,
        Err(failure) => {
            Console::new(ResultFormat::Text, host.vendor()).failure(&failure);
            return ExitCode::from(failure.kind.exit_code());
        }
    };
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
    let context = RequestContext::resolve(arguments, host);
    console.notes(&context.notes);
    if arguments.show_context {
        console.show_context(&context);
        // The exit code is the one that a run would have.
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
        // A reader of the first lines closes the pipe: that is no failure.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(TriggerFailure::stdout_failed(&error)),
        _ => Ok(()),
    }
}
