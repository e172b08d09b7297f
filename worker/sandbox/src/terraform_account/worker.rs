//! A worker in the account that Terraform created.
use std::collections::BTreeMap;

use anyhow::Context;

use super::fixture::BareEnvironment;
use super::terraform::TerraformState;
use crate::worker_process::WorkerProcess;

/// Starts a worker as Fargate does: with the environment that Terraform sets, and its role. This machine's addresses
/// override it.
///
/// # Errors
/// Terraform's outputs lack a value, or the worker does not start.
pub(crate) async fn start_worker(
    fixture: &BareEnvironment,
    terraform_state: &TerraformState,
    log: &str,
    more: &[(&str, &str)],
) -> anyhow::Result<WorkerProcess> {
    let worker_settings = terraform_state
        .output("worker_environment")
        .as_object()
        .context("Terraform's output has no worker_environment")?;
    let worker_settings =
        worker_settings.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
    let role =
        terraform_state.output("worker_role_name").as_str().context("Terraform's output has no worker_role_name")?;
    let mut environment: BTreeMap<String, String> = worker_settings.collect();
    environment.extend(fixture.sdk_environment());
    environment.extend(fixture.credentials.environment(role));
    let here = [
        ("DOORBELL_ALLOW_PRIVATE_FORGES", fixture.forge.url().trim_start_matches("https://")),
        ("DOORBELL_HEALTH_ADDR", "127.0.0.1:0"),
        ("DOORBELL_SWEEP_INTERVAL", "500ms"),
    ];
    let more = here.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    environment.extend(more);
    WorkerProcess::start(&fixture.programs.worker(), &environment, fixture.file(&format!("{log}.log"))).await
}
