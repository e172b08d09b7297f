//! The binary `worker`; the library describes it.

use std::process::ExitCode;

use clap::Parser;
use doorbell_worker::{WorkerArguments, WorkerCommand, WorkerSettings};

fn main() -> ExitCode {
    let arguments = WorkerArguments::parse();
    // The worker mostly waits for I/O: one thread needs less CPU than two.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report_failure(&anyhow::Error::new(error)),
    };
    if let Some(WorkerCommand::Health(health)) = &arguments.command {
        return runtime.block_on(doorbell_worker::probe_health(health));
    }
    let settings = match WorkerSettings::try_from(arguments.settings) {
        Ok(settings) => settings,
        Err(problem) => {
            eprintln!("error: {problem}\n\nFor more information, try '--help'.");
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(doorbell_worker::run(settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report_failure(&error),
    }
}

fn report_failure(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
