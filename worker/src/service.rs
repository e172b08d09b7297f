use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use doorbell_adapters::aws::{
    AwsClock, CallerIdentity, Connection, DoneTopic, DynamoDbLedger, HeartbeatWorker, SecretsManagerStore, SqsQueue,
    SsmRegistry,
};
use doorbell_adapters::forge::PagureReporter;
use doorbell_adapters::provider::CodeBuildProvider;
use doorbell_engine::domain::{InstallationId, JobConfig};
use doorbell_engine::ports::BuildProvider;
use doorbell_engine::{Engine, EngineConfig};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::health::{self, Health};
use crate::heartbeat;
use crate::metrics::{MetricExports, MetricSource, MetricStore};
use crate::ports::WorkerPorts;
use crate::settings::{LogFormat, WorkerSettings};

/// Time limit for work in flight after SIGTERM.
///
/// Unfinished work is in its rows, with a due time at which another worker takes over. Fargate's default `stopTimeout` is
/// 30 s.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(9);

/// Time limit for all that follows SIGTERM, the last export of metrics included: a worker promises to exit within 10 s.
const EXIT_TIMEOUT: Duration = Duration::from_millis(9800);

/// Runs one worker until SIGTERM or SIGINT.
///
/// # Errors
/// The worker could not start, or its loops ended without a signal.
pub async fn run(settings: WorkerSettings) -> Result<()> {
    crate::log::init(&settings)?;
    let metrics = MetricStore::default();
    doorbell_engine::set_metrics_recorder(Box::new(metrics.clone()));
    let listener = TcpListener::bind(settings.health_addr)
        .await
        .with_context(|| format!("DOORBELL_HEALTH_ADDR: cannot listen on {}", settings.health_addr))?;
    let health_addr = listener.local_addr().context("cannot read the health endpoint's address")?;
    let stop = stop_on_signal()?;
    let clock = AwsClock::default();
    let Connection { sdk } = Connection::open().await;
    let region = sdk.region().context("no AWS Region is set; set AWS_REGION")?.to_string();
    let identity = CallerIdentity::fetch(&sdk, &clock).await?;
    let ledger = DynamoDbLedger::new(&sdk, &clock, settings.table.clone());
    let instance = instance();
    let installation_id =
        InstallationId::from_ledger_arn(&ledger.arn().await.context("DOORBELL_TABLE: the table cannot be described")?);
    let ports = WorkerPorts {
        projects: SsmRegistry::new(&sdk, &clock, settings.registry_prefix.clone()),
        ledger,
        builds: CodeBuildProvider::new(&sdk, &clock, identity.initiator.clone()),
        forge: PagureReporter::new(settings.forge_network.clone()).context("cannot create an HTTPS client")?,
        done_topic: DoneTopic::new(&sdk, &clock, settings.done_topic_arn.clone()),
        secrets: SecretsManagerStore::new(&sdk, &clock),
        clock: clock.clone(),
    };
    let job_config = JobConfig {
        installation: installation_id,
        publishes_done_events: settings.done_topic_arn.is_some(),
        console_url: identity.console_url(&region),
        provider: ports.builds.profile(),
        max_request_age: settings.max_request_age,
        queue_timeout: settings.queue_timeout,
        build_poll_interval: settings.build_poll_interval,
    };
    let engine = Engine::new(
        ports,
        EngineConfig {
            jobs: job_config,
            topic_arn: settings.topic_arn.clone(),
            fallback_build_project: settings.default_build_project.clone(),
            max_in_flight: settings.max_in_flight,
            max_builds: settings.max_builds,
            sweep_interval: settings.sweep_interval,
            instance: instance.clone(),
        },
    );
    let health = Health {
        liveness: Arc::clone(engine.liveness()),
        clock: clock.clone(),
        max_sweep_age: settings.sweep_interval * 4 + Duration::from_secs(30),
    };
    let source = MetricSource { store: metrics.clone(), table: settings.table.clone(), clock: clock.clone() };
    let exports = MetricExports::start(source, settings.log_format == LogFormat::Json, settings.otlp, &instance)?;
    let heartbeat_worker = HeartbeatWorker { instance, principal: identity.arn, max_builds: settings.max_builds };
    let heartbeat_ledger = DynamoDbLedger::new(&sdk, &clock, settings.table.clone());
    let heartbeat_task = tokio::spawn(heartbeat::run(heartbeat_ledger, health.clone(), heartbeat_worker));
    let scraped = settings.prometheus.then(|| (metrics, settings.table.clone()));
    let health_task = tokio::spawn(health::serve(listener, health, scraped));
    let queue = |url: &str| SqsQueue::new(&sdk, &clock, url.to_owned(), settings.dlq_url.clone());
    let (triggers, events) = (queue(&settings.trigger_queue_url), queue(&settings.event_queue_url));
    info!(health = %health_addr, table = settings.table, prefix = settings.registry_prefix, "the worker is up");
    let running = tokio::spawn(engine.run(triggers, events, stop.clone()));
    let (drained, time_left) = drain(running, &stop).await;
    heartbeat_task.abort();
    health_task.abort();
    exports.finish(time_left).await?;
    drained
}

/// Waits for the end of the work; returns also the time that is left until [`EXIT_TIMEOUT`].
async fn drain(running: tokio::task::JoinHandle<()>, stop: &CancellationToken) -> (Result<()>, Duration) {
    let mut running = running;
    tokio::select! {
        ended = &mut running => return (ended.context("the worker's loops ended without a signal"), EXIT_TIMEOUT),
        () = stop.cancelled() => {}
    }
    let deadline = Instant::now() + EXIT_TIMEOUT;
    let drained = match tokio::time::timeout(DRAIN_TIMEOUT, &mut running).await {
        Ok(ended) => ended.context("the worker failed during shutdown").inspect(|()| info!("shutdown complete")),
        Err(_) => {
            running.abort();
            warn!(
                "shutdown deadline ({} s) reached with work in flight; other workers will take over",
                DRAIN_TIMEOUT.as_secs()
            );
            Ok(())
        }
    };
    (drained, deadline.saturating_duration_since(Instant::now()))
}

/// Returns a token that SIGTERM (from ECS) and SIGINT (from a terminal) cancel.
fn stop_on_signal() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    let cancel_token = stop.clone();
    let mut terminate = signal(SignalKind::terminate()).context("cannot install a handler for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot install a handler for SIGINT")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM received; draining"),
            _ = interrupt.recv() => info!("SIGINT received; draining"),
        }
        cancel_token.cancel();
    });
    Ok(stop)
}

/// A unique name of this process; a restarted container gets another one.
fn instance() -> String {
    use std::hash::{BuildHasher, Hasher};
    // The standard library seeds its hasher with the operating system's random numbers.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{random:016x}")
}
