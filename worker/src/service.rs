use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use doorbell_engine::domain::{InstallationId, JobConfig};
use doorbell_engine::ports::BuildProvider;
use doorbell_engine::{Engine, EngineConfig as EngineSettings};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::aws::{
    CallerIdentity, CodeBuildProvider, Connection, DynamoDbLedger, SecretsManagerStore, SqsQueue, SsmRegistry,
};
use crate::clock::AwsClock;
use crate::forge::PagureReporter;
use crate::health::{self, Health};
use crate::heartbeat;
use crate::ports::WorkerPorts;
use crate::settings::WorkerSettings;

/// After a SIGTERM, for what is in hand. Whatever is not done by then is in its row, with the time at which another
/// worker takes over. Fargate's default `stopTimeout` is 30 s.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(9);

/// Runs one worker until it is told to stop.
///
/// # Errors
/// It could not start, or its loops ended by themselves.
pub async fn run(settings: WorkerSettings) -> Result<()> {
    let metrics = crate::log::init(&settings)?;
    let listener = TcpListener::bind(settings.health_addr)
        .await
        .with_context(|| format!("DOORBELL_HEALTH_ADDR: {} can't be listened on", settings.health_addr))?;
    let health_addr = listener.local_addr().context("the health port can't be told")?;
    let stop = stop_on_signal()?;
    let clock = AwsClock::default();
    let Connection { sdk } = Connection::open().await;
    let region = sdk.region().context("no AWS region is set (AWS_REGION)")?.to_string();
    let identity = CallerIdentity::fetch(&sdk, &clock).await?;
    let ledger = DynamoDbLedger::new(&sdk, &clock, settings.table.clone());
    let instance = instance();
    let installation_id = InstallationId::from_ledger_arn(&ledger.arn().await.context("DOORBELL_TABLE can't be used")?);
    let ports = WorkerPorts {
        projects: SsmRegistry::new(&sdk, &clock, settings.registry_prefix.clone()),
        ledger,
        builds: CodeBuildProvider::new(&sdk, &clock, identity.initiator.clone()),
        forge: PagureReporter::new(settings.allow_private_forges.clone()).context("no HTTPS client can be made")?,
        secrets: SecretsManagerStore::new(&sdk, &clock),
        clock: clock.clone(),
    };
    let engine_config = JobConfig {
        installation: installation_id,
        console_url: identity.console_url(&region),
        provider: ports.builds.profile(),
        max_request_age: settings.max_request_age,
        queue_timeout: settings.queue_timeout,
        build_poll_interval: settings.build_poll_interval,
    };
    let engine = Engine::new(
        ports,
        EngineSettings {
            jobs: engine_config,
            topic_arn: settings.topic_arn.clone(),
            fallback_build_project: settings.default_build_project.clone(),
            max_in_flight: settings.max_in_flight,
            sweep_interval: settings.sweep_interval,
            instance: instance.clone(),
        },
    );
    let health = Health {
        liveness: Arc::clone(engine.liveness()),
        clock: clock.clone(),
        max_sweep_age: settings.sweep_interval * 4 + Duration::from_secs(30),
    };
    let heartbeat_ledger = DynamoDbLedger::new(&sdk, &clock, settings.table.clone());
    let heartbeat_task = tokio::spawn(heartbeat::run(heartbeat_ledger, health.clone(), instance, identity.arn));
    let health_task = tokio::spawn(health::serve(listener, health));
    let queue = |url: &str| SqsQueue::new(&sdk, &clock, url.to_owned(), settings.dlq_url.clone());
    let (triggers, events) = (queue(&settings.trigger_queue_url), queue(&settings.event_queue_url));
    info!(health = %health_addr, table = settings.table, prefix = settings.registry_prefix, "the worker is up");
    let running = tokio::spawn(engine.run(triggers, events, stop.clone()));
    let drained = drain(running, &stop).await;
    heartbeat_task.abort();
    health_task.abort();
    if let Some(metrics) = metrics {
        metrics.flush(std::io::stdout()).context("the last metrics could not be written")?;
    }
    drained
}

async fn drain(running: tokio::task::JoinHandle<()>, stop: &CancellationToken) -> Result<()> {
    let mut running = running;
    tokio::select! {
        ended = &mut running => return ended.context("the worker's loops ended by themselves"),
        () = stop.cancelled() => {}
    }
    match tokio::time::timeout(DRAIN_TIMEOUT, &mut running).await {
        Ok(ended) => {
            ended.context("the worker failed while it stopped")?;
            info!("stopped with nothing left in hand");
        }
        Err(_) => {
            running.abort();
            warn!(
                "stopped after {} s with work in hand: the rows' due times hand it to another worker",
                DRAIN_TIMEOUT.as_secs()
            );
        }
    }
    Ok(())
}

/// SIGTERM (ECS) and SIGINT (a person) mean the same; repeating them changes nothing.
fn stop_on_signal() -> Result<CancellationToken> {
    let stop = CancellationToken::new();
    let cancel_token = stop.clone();
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM can't be listened for")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT can't be listened for")?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => info!("SIGTERM: nothing is asked for any more"),
            _ = interrupt.recv() => info!("SIGINT: nothing is asked for any more"),
        }
        cancel_token.cancel();
    });
    Ok(stop)
}

/// A name for this process that no other has, restarts of the same container included.
fn instance() -> String {
    use std::hash::{BuildHasher, Hasher};
    // The standard library's hasher is seeded by the operating system's random numbers.
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{random:016x}")
}
