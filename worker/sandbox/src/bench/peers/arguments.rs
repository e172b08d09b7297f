use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::output_format::OutputFormat;

/// The arguments of `bin/bench --peers`.
#[derive(Debug, Args)]
pub struct PeersArguments {
    /// Only this scenario; may be repeated [default: all but growth]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(super) scenario: Vec<ScenarioName>,
    /// Only these candidates; may be repeated [default: all]
    #[arg(long, value_enum, value_name = "NAME")]
    pub(super) candidate: Vec<CandidateName>,
    /// Runs of each scenario and candidate, interleaved: A B C A B C
    #[arg(long, default_value_t = 3, value_name = "COUNT")]
    pub(super) runs: usize,
    /// Jobs of a run, instead of each scenario's own number
    #[arg(long, value_name = "COUNT")]
    pub(super) jobs: Option<usize>,
    /// Output format: text or json
    #[arg(long, value_enum, default_value = "text")]
    pub(super) output: OutputFormat,
    /// The directory of the peers' sources
    #[arg(long, env = "DOORBELL_PEERS_DIR", default_value = "bench/peers", value_name = "PATH")]
    pub(super) peers_dir: PathBuf,
    /// The Python with the peers' packages
    #[arg(long, env = "DOORBELL_PEERS_PYTHON", value_name = "PATH")]
    pub(super) peers_python: Option<PathBuf>,
    /// The directory with the Node peer and its node_modules
    #[arg(long, env = "DOORBELL_PEERS_NODE", value_name = "PATH")]
    pub(super) peers_node: Option<PathBuf>,
}

/// A scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum ScenarioName {
    /// Start, then no message for ten seconds
    Idle,
    /// All requests at once
    Burst,
    /// 100 requests a second
    #[value(name = "rate-100")]
    Rate100,
    /// 1,000 requests a second
    #[value(name = "rate-1000")]
    Rate1000,
    /// Ended builds in the event queue; the forge answers in 80 to 160 ms
    Backlog,
    /// 20 builds at once of 0.5 s, with events
    QuotaEvents,
    /// 20 builds at once of 0.5 s, without events
    QuotaSilent,
    /// Failing deletes and lost replies, with tokens that expire before a message returns
    Faults,
    /// Four workers, builds of 5 s, from request to final flag
    #[value(name = "fleet-5s")]
    Fleet5s,
    /// Four workers, builds of 90 s, from request to final flag
    #[value(name = "fleet-90s")]
    Fleet90s,
    /// Bursts of 1,000, 10,000 and 100,000 requests, for the worker only
    Growth,
}

/// The worker or a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum CandidateName {
    /// Doorbell's worker
    Worker,
    /// A plain loop on the AWS SDK for Rust
    SdkLoop,
    /// bbc/sqs-consumer on Node
    SqsConsumer,
    /// boto3 with 32 threads
    Boto3,
    /// aiobotocore
    Aiobotocore,
}

impl ScenarioName {
    /// The jobs of a run.
    pub(super) fn default_jobs(self) -> usize {
        match self {
            Self::Idle => 0,
            Self::Burst | Self::Backlog => 2000,
            Self::Rate100 | Self::Faults => 1000,
            Self::Rate1000 => 5000,
            Self::QuotaEvents | Self::QuotaSilent => 200,
            Self::Fleet5s | Self::Fleet90s => 400,
            Self::Growth => 100_000,
        }
    }

    /// Whether peers can run it: none of them follows a build from its start to its flag.
    pub(super) fn has_peers(self) -> bool {
        !matches!(self, Self::Fleet5s | Self::Fleet90s | Self::Growth)
    }
}

/// The name on the command line and in the output.
pub(super) fn shown<T: ValueEnum>(value: T) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
