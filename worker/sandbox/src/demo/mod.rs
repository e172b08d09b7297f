//! `bin/demo`: the journey, shown live.
mod case;
pub mod denied;
mod metrics;
mod result;
mod screen;
mod story;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::programs::Programs;
use crate::sandbox::{Sandbox, SandboxOptions};
use result::DemoResult;
use screen::Screen;

/// What the demo is told.
#[derive(Debug, Args)]
pub struct DemoArguments {
    /// The Python environment with the AWS emulator, as `bin/lib/python.sh` prints it
    #[arg(long, env = "DOORBELL_EMULATOR_PYTHON", value_name = "PATH")]
    python: PathBuf,
    /// text: live, with a table at its end; json: the result alone, on stdout
    #[arg(long, value_enum, default_value = "text")]
    output: Output,
    /// Leave the world up afterwards, and print how to use it by hand, until Ctrl-C
    #[arg(long)]
    keep: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// Runs it; true if everything went as it should.
///
/// # Errors
/// A part of the world could not start, or broke.
pub async fn run(arguments: DemoArguments) -> anyhow::Result<bool> {
    let screen = match arguments.output {
        Output::Text => Screen::for_people(),
        Output::Json => Screen::silent(),
    };
    let programs = Programs::find()?;
    screen.title("A world without AWS, on this machine");
    let started = tokio::time::Instant::now();
    let sandbox = Sandbox::start(SandboxOptions::new(programs, arguments.python)).await?;
    screen.part(
        "account",
        sandbox.world.emulator().endpoint(),
        "SNS, SQS, SSM, Secrets Manager, DynamoDB, EventBridge, IAM, STS",
    );
    screen.part("CodeBuild", sandbox.codebuild.url(), "really runs builds");
    screen.part("forge", sandbox.forge.url(), "answers as Pagure does, and serves git");
    let worker = sandbox.worker(&[]).await?;
    screen.part(
        "worker",
        "",
        &format!("its own role, nothing more; all up after {:.1} s", started.elapsed().as_secs_f64()),
    );
    let result = story::tell(&sandbox, &worker, &screen).await?;
    if arguments.keep {
        show(&result, arguments.output, &screen);
        screen.exports(&sandbox);
        std::future::pending::<()>().await;
    }
    let log = worker.log_path().to_owned();
    worker.terminate(Duration::from_secs(10)).await?;
    // A worker writes its metrics every minute, and once more when it stops.
    screen.metrics(&metrics::in_log(&std::fs::read_to_string(log)?));
    show(&result, arguments.output, &screen);
    Ok(result.is_as_expected())
}

fn show(result: &DemoResult, output: Output, screen: &Screen) {
    match output {
        Output::Text => screen.table(result),
        Output::Json => println!("{}", result.to_json()),
    }
}
