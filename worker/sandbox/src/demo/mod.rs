//! `bin/demo`: runs a few jobs and shows each step.
mod case;
pub mod denied;
mod done_events;
mod metrics;
mod printer;
mod result;
mod scenarios;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::output_format::OutputFormat;
use crate::programs::Programs;
use crate::sandbox::{Sandbox, SandboxOptions};
use printer::DemoPrinter;
use result::DemoResult;

/// The arguments of `bin/demo`.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// The Python environment with the AWS emulator; `bin/lib/python.sh` prints its path
    #[arg(long, env = "DOORBELL_EMULATOR_PYTHON", value_name = "PATH")]
    python: PathBuf,
    /// text: live, with a table at the end; json: only the result, on stdout
    #[arg(long, value_enum, default_value = "text")]
    output: OutputFormat,
    /// Keep the sandbox running afterwards, until Ctrl-C, and print how to use it
    #[arg(long)]
    keep: bool,
}

/// Runs the demo; true if every job ended as expected.
///
/// # Errors
/// A component of the sandbox could not start, or failed.
pub async fn run(arguments: DemoArguments) -> anyhow::Result<bool> {
    let printer = match arguments.output {
        OutputFormat::Text => DemoPrinter::for_terminal(),
        OutputFormat::Json => DemoPrinter::silent(),
    };
    let programs = Programs::find()?;
    printer.title("The sandbox: no AWS, all on this machine");
    let started = tokio::time::Instant::now();
    let mut options = SandboxOptions::new(programs, arguments.python);
    options.done_topic = true;
    let sandbox = Sandbox::start(options).await?;
    printer.component(
        "account",
        sandbox.account.emulator().endpoint(),
        "SNS, SQS, SSM, Secrets Manager, DynamoDB, EventBridge, IAM, STS",
    );
    printer.component("CodeBuild", sandbox.codebuild.url(), "runs builds on this machine");
    printer.component("forge", sandbox.forge.url(), "behaves as Pagure, and serves git");
    let worker = sandbox.start_worker(&[]).await?;
    printer.component(
        "worker",
        "",
        &format!("with its own role only; all components are up after {:.1} s", started.elapsed().as_secs_f64()),
    );
    let result = scenarios::run_all(&sandbox, &worker, &printer).await?;
    if arguments.keep {
        print_result(&result, arguments.output, &printer);
        printer.exports(&sandbox);
        std::future::pending::<()>().await;
    }
    let log = worker.log_path().to_owned();
    worker.terminate(Duration::from_secs(10)).await?;
    // A worker writes its metrics every minute, and once more when it stops.
    printer.metrics(&metrics::read_from_log(&std::fs::read_to_string(log)?));
    print_result(&result, arguments.output, &printer);
    Ok(result.is_as_expected())
}

fn print_result(result: &DemoResult, output: OutputFormat, printer: &DemoPrinter) {
    match output {
        OutputFormat::Text => printer.summary(result),
        OutputFormat::Json => println!("{}", result.to_json()),
    }
}
