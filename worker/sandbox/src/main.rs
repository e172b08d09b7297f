//! Starts the sandbox's worlds from the command line; `bin/demo` runs it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use doorbell_sandbox::bench::{self, BenchArguments};
use doorbell_sandbox::chaos::{self, ChaosArguments};
use doorbell_sandbox::demo::{self, DemoArguments};
use doorbell_sandbox::terraform_account::{self, TerraformAccountArguments};
use tokio::signal::unix::{SignalKind, signal};

/// A world without AWS: CodeBuild, a forge and an account on this machine.
#[derive(Debug, Parser)]
#[command(name = "doorbell-sandbox", version)]
struct SandboxArguments {
    #[command(subcommand)]
    command: SandboxCommand,
}

#[derive(Debug, Subcommand)]
enum SandboxCommand {
    /// Show the journey of a few jobs.
    ///
    /// Exits with 0 if everything went as it should, 1 if not, 130 on Ctrl-C, 143 on SIGTERM; nothing is left behind.
    Demo(DemoArguments),
    /// Measure binaries and a worker; DOORBELL_BIN_DIR names the directory of the binaries.
    Bench(BenchArguments),
    /// Break what can break while jobs run, and look what became of them; DOORBELL_BIN_DIR names the binaries' directory.
    Chaos(ChaosArguments),
    /// Apply a Terraform configuration to an empty account, let jobs run in it, and destroy it; DOORBELL_BIN_DIR names
    /// the binaries' directory.
    TerraformAccount(TerraformAccountArguments),
}

fn main() -> ExitCode {
    let SandboxArguments { command } = SandboxArguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report_error(&error.into()),
    };
    // Whichever ends first drops the other, and with the demo's future every server, process and file of its world.
    runtime.block_on(async {
        tokio::select! {
            result = run(command) => match result {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => ExitCode::FAILURE,
                Err(error) => report_error(&error),
            },
            code = wait_for_stop_signal() => {
                eprintln!("\ninterrupted: everything is taken down");
                ExitCode::from(code)
            }
        }
    })
}

async fn run(command: SandboxCommand) -> anyhow::Result<bool> {
    match command {
        SandboxCommand::Demo(arguments) => demo::run(arguments).await,
        SandboxCommand::Bench(arguments) => bench::run(arguments).await.map(|()| true),
        SandboxCommand::Chaos(arguments) => chaos::run(arguments).await,
        SandboxCommand::TerraformAccount(arguments) => terraform_account::run(arguments).await,
    }
}

/// Waits for Ctrl-C or a SIGTERM; the exit code that shells give such an end.
async fn wait_for_stop_signal() -> u8 {
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

fn report_error(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
