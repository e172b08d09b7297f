//! `bin/chaos`: the real binaries while everything that can break does; then the world is asked what became of the
//! jobs, and not the workers.
mod clock_jump;
mod event_faults;
mod fleet;
mod flood;
mod invariants;
mod plan;
mod proxies;
mod publisher;
mod quota;
mod result;
mod silence;
mod stops;
mod storm;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::output_format::OutputFormat;
use crate::programs::Programs;
use crate::sandbox::SandboxOptions;
use result::ScenarioResult;

/// What chaos is told.
#[derive(Debug, Args)]
pub struct ChaosArguments {
    /// What happens
    #[arg(value_enum, default_value = "storm")]
    scenario: Scenario,
    /// The Python environment with the AWS emulator, as `bin/lib/python.sh` prints it
    #[arg(long, env = "DOORBELL_EMULATOR_PYTHON", value_name = "PATH")]
    python: PathBuf,
    /// How many jobs, or messages; without it as many as the scenario is known by
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    jobs: Option<u64>,
    /// Workers at once
    #[arg(long, default_value_t = 4, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..=32))]
    workers: u8,
    /// storm: time from one KILL, TERM or STOP to the next, as 200ms or 1s
    #[arg(long, default_value = "200ms", value_name = "TIME", value_parser = parse_duration)]
    kill_every: Duration,
    /// storm: of a hundred calls, so many meet a fault
    #[arg(long, default_value_t = 20, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    faults: u8,
    /// stops: how many SIGTERMs
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1000))]
    stops: u16,
    /// What chance follows from; without it another one each time, which is printed
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// When a run is given up
    #[arg(long, default_value = "20m", value_name = "TIME", value_parser = parse_duration)]
    limit: Duration,
    /// text or json
    #[arg(long, value_enum, default_value = "text")]
    output: OutputFormat,
}

/// What happens to the workers and to the world around them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Everything at once: faults on every call, workers killed, stopped and paused, events lost, the forge restarted
    Storm,
    /// Workers are told to stop by SIGTERM, one after the other, while jobs come in
    Stops,
    /// No event ever comes
    Silence,
    /// More jobs than CodeBuild takes at once
    Quota,
    /// A queue full of the largest messages
    Flood,
}

/// Runs a scenario and prints what it found; false if something that must hold does not.
///
/// # Errors
/// The world could not be made, or broke by itself.
pub async fn run(arguments: ChaosArguments) -> anyhow::Result<bool> {
    let seed = match arguments.seed {
        Some(seed) => seed,
        None => u64::from_str_radix(&crate::credentials::random_hex(4)?, 16)?,
    };
    eprintln!("seed {seed}");
    let options = SandboxOptions::new(Programs::find()?, arguments.python.clone());
    let result: ScenarioResult = match arguments.scenario {
        Scenario::Storm => storm::run(options, &arguments, seed).await?,
        Scenario::Stops => stops::run(options, &arguments, seed).await?,
        Scenario::Silence => silence::run(options, &arguments, seed).await?,
        Scenario::Quota => quota::run(options, &arguments).await?,
        Scenario::Flood => flood::run(options, &arguments).await?,
    };
    result.print(arguments.output);
    Ok(result.violations.is_empty())
}

/// `200ms`, `1s`, `20m`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().map_err(|_| format!("\"{text}\" is no time, as 200ms, 1s or 20m"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(format!("\"{text}\" has no unit: ms, s or m")),
    }
}
