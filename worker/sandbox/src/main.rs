//! Starts the sandbox's worlds from the command line; `bin/demo` runs it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use doorbell_sandbox::bench::{self, BenchArguments};
use doorbell_sandbox::demo::{self, DemoArguments};

/// A world without AWS: CodeBuild, a forge and an account on this machine.
#[derive(Debug, Parser)]
#[command(name = "doorbell-sandbox", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the journey of a few jobs.
    ///
    /// Exits with 0 if everything went as it should, 1 if not, 130 on Ctrl-C; nothing is left behind.
    Demo(DemoArguments),
    /// Measure binaries and a worker; DOORBELL_PROGRAMS names the folder of the binaries.
    Bench(BenchArguments),
}

fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    // Whichever ends first drops the other, and with the demo's future every server, process and file of its world.
    runtime.block_on(async {
        tokio::select! {
            result = run(command) => match result {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => ExitCode::FAILURE,
                Err(error) => failed(&error),
            },
            _ = tokio::signal::ctrl_c() => {
                eprintln!("\ninterrupted: everything is taken down");
                ExitCode::from(130)
            }
        }
    })
}

async fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await.map(|()| true),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
