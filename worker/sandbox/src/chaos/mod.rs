//! `bin/chaos`: runs the real binaries under faults and then checks invariants by the state outside the workers.
mod clock_jump;
mod done;
mod drip;
mod event_faults;
mod fleet;
mod flood;
mod invariants;
mod names;
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

/// The arguments of `bin/chaos`.
#[derive(Debug, Args)]
pub struct ChaosArguments {
    /// The scenario to run
    #[arg(value_enum, default_value = "storm")]
    scenario: Scenario,
    /// The Python environment with the AWS emulator; `bin/lib/python.sh` prints its path
    #[arg(long, env = "DOORBELL_EMULATOR_PYTHON", value_name = "PATH")]
    python: PathBuf,
    /// Number of jobs, or of messages; the default depends on the scenario
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    jobs: Option<u64>,
    /// Number of workers; names: one more starts in the middle
    #[arg(long, default_value_t = 4, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(1..=32))]
    workers: u8,
    /// storm: interval between disruptions (KILL, TERM or STOP), as 200ms or 1s
    #[arg(long, default_value = "200ms", value_name = "TIME", value_parser = parse_duration)]
    kill_every: Duration,
    /// storm: percentage of calls with a fault
    #[arg(long, default_value_t = 20, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    faults: u8,
    /// stops: number of workers that receive SIGTERM
    #[arg(long, default_value_t = 50, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=1000))]
    stops: u16,
    /// Seed of the random numbers; by default a new one, which is printed
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// Timeout of the run
    #[arg(long, default_value = "20m", value_name = "TIME", value_parser = parse_duration)]
    limit: Duration,
    /// Output format: text or json
    #[arg(long, value_enum, default_value = "text")]
    output: OutputFormat,
}

/// What happens to the workers and to the services that they call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// Everything at once: faults on every call, workers killed, stopped and paused, events lost, the forge restarted
    Storm,
    /// Workers receive SIGTERM, one after the other, while jobs arrive
    Stops,
    /// No event arrives
    Silence,
    /// More jobs than CodeBuild runs at once
    Quota,
    /// A queue full of the largest messages
    Flood,
    /// Requests for unknown names, beside registered ones, while SSM throttles
    Names,
    /// A forge that sends one byte a second
    Drip,
    /// Workers killed while they publish a done event
    Done,
}

/// Runs a scenario and prints its result; false if an invariant does not hold.
///
/// # Errors
/// The sandbox could not be started, or failed.
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
        Scenario::Names => names::run(&options.programs, &arguments).await?,
        Scenario::Drip => drip::run(options, &arguments).await?,
        Scenario::Done => done::run(options, &arguments).await?,
    };
    result.print(arguments.output);
    Ok(result.violations.is_empty())
}

/// Parses `200ms`, `1s`, `20m`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let number: u64 = number.parse().map_err(|_| format!("\"{text}\" is not a duration such as 200ms, 1s or 20m"))?;
    match unit {
        "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        "m" => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(format!("\"{text}\" has no unit: ms, s or m")),
    }
}
