//! Starts the sandbox's worlds from the command line; `bin/demo` runs it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use doorbell_sandbox::applied::{self, AppliedArguments};
use doorbell_sandbox::bench::{self, BenchArguments};
use doorbell_sandbox::chaos::{self, ChaosArguments};
use doorbell_sandbox::demo::{self, DemoArguments};
use tokio::signal::unix::{SignalKind, signal};

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
    /// Exits with 0 if everything went as it should, 1 if not, 130 on Ctrl-C, 143 on SIGTERM; nothing is left behind.
    Demo(DemoArguments),
    /// Measure binaries and a worker; DOORBELL_BIN_DIR names the folder of the binaries.
    Bench(BenchArguments),
    /// Break what can break while jobs run, and look what became of them; DOORBELL_BIN_DIR names the binaries' folder.
    Chaos(ChaosArguments),
    /// Apply a Terraform configuration to an empty account, let jobs run in it, and destroy it; DOORBELL_BIN_DIR names
    /// the binaries' folder.
    Applied(AppliedArguments),
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
            code = told_to_stop() => {
                eprintln!("\ninterrupted: everything is taken down");
                ExitCode::from(code)
            }
        }
    })
}

async fn run(command: Command) -> anyhow::Result<bool> {
    match command {
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Bench(arguments) => bench::run(arguments).await.map(|()| true),
        Command::Chaos(arguments) => chaos::run(arguments).await,
        Command::Applied(arguments) => applied::run(arguments).await,
    }
}

/// Waits for Ctrl-C or a SIGTERM; the exit code that shells give such an end.
async fn told_to_stop() -> u8 {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => 143,
            _ = tokio::signal::ctrl_c() => 130,
        },
        Err(_) => {
            // Without a handler a SIGTERM ends the process at once, as it would anyway.
            let _ = tokio::signal::ctrl_c().await;
            130
        }
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
