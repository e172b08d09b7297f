//! Command line of the sandbox; `bin/demo`, `bin/bench` and `bin/chaos` run it.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use doorbell_sandbox::bench::{self, BenchArguments, PeersArguments};
use doorbell_sandbox::chaos::{self, ChaosArguments};
use doorbell_sandbox::demo::{self, DemoArguments};
use doorbell_sandbox::deployment_page::{self, DeploymentPageArguments};
use doorbell_sandbox::terraform_account::{self, TerraformAccountArguments};
use tokio::signal::unix::{SignalKind, signal};

/// Run Doorbell without AWS: CodeBuild, a forge and an account on this machine.
#[derive(Debug, Parser)]
#[command(name = "doorbell-sandbox", version)]
struct SandboxArguments {
    #[command(subcommand)]
    command: SandboxCommand,
}

#[derive(Debug, Subcommand)]
enum SandboxCommand {
    /// Run a few jobs and show each step.
    ///
    /// Exits with 0 if every job ended as expected, 1 if not, 130 on Ctrl-C, 143 on SIGTERM. It leaves no file or
    /// process.
    Demo(DemoArguments),
    /// Measure binaries and a worker; DOORBELL_BIN_DIR names the directory of the binaries.
    Bench(BenchArguments),
    /// Measure a worker beside programs that people use for the same work; DOORBELL_BIN_DIR names the directory of the
    /// binaries.
    BenchPeers(PeersArguments),
    /// Run jobs under faults and check invariants; DOORBELL_BIN_DIR names the directory of the binaries.
    Chaos(ChaosArguments),
    /// Apply a Terraform configuration to an empty account, run jobs in it, and destroy it; DOORBELL_BIN_DIR names the
    /// directory of the binaries.
    TerraformAccount(TerraformAccountArguments),
    /// Type the deployment as README.md says it, up to the first green flag, with an emulator in AWS's place.
    DeploymentPage(DeploymentPageArguments),
}

fn main() -> ExitCode {
    let SandboxArguments { command } = SandboxArguments::parse();
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return report_error(&error.into()),
    };
    // The first to end drops the other, and with the command's future all its servers, processes and files.
    runtime.block_on(async {
        tokio::select! {
            result = run(command) => match result {
                Ok(true) => ExitCode::SUCCESS,
                Ok(false) => ExitCode::FAILURE,
                Err(error) => report_error(&error),
            },
            code = wait_for_stop_signal() => {
                eprintln!("\ninterrupted: stopping the sandbox");
                ExitCode::from(code)
            }
        }
    })
}

async fn run(command: SandboxCommand) -> anyhow::Result<bool> {
    match command {
        SandboxCommand::Demo(arguments) => demo::run(arguments).await,
        SandboxCommand::Bench(arguments) => bench::run(arguments).await.map(|()| true),
        SandboxCommand::BenchPeers(arguments) => bench::run_peers(arguments).await.map(|()| true),
        SandboxCommand::Chaos(arguments) => chaos::run(arguments).await,
        SandboxCommand::TerraformAccount(arguments) => terraform_account::run(arguments).await,
        SandboxCommand::DeploymentPage(arguments) => deployment_page::run(arguments).await,
    }
}

/// Waits for Ctrl-C or SIGTERM and returns the exit code that shells give such an end.
async fn wait_for_stop_signal() -> u8 {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => 143,
            _ = tokio::signal::ctrl_c() => 130,
        },
        Err(_) => {
            // Without a handler SIGTERM ends the process at once, with the same exit code.
            let _ = tokio::signal::ctrl_c().await;
            130
        }
    }
}

fn report_error(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
