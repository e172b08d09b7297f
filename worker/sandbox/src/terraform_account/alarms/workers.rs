//! Causes in the service that runs the workers.
use std::time::Duration;

use serde_json::json;

use super::{Aftermath, codebuild, stop};
use crate::terraform_account::scenarios::TerraformScenarios;

/// The longest of the thresholds is that of the event queue's age: 15 minutes.
const IDLE: Duration = Duration::from_secs(16 * 60);

/// No worker runs any more. A build ends meanwhile, and a CI publishes a request.
pub(super) async fn stop_all(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<Aftermath> {
    let worker = scenarios.start_worker("last-worker", &[]).await?;
    let key = scenarios.trigger(&["demo", "main", "--id", "abandoned", "--var", "STAGE=slow"]).await?;
    let job = scenarios.wait_for_job(&key, "running", |job| job.phase() == "running").await?;
    let log = stop(worker).await?;
    let stop_build = json!({ "id": job.build_id() });
    codebuild(scenarios)?.json("codebuild", "CodeBuild_20161006.StopBuild", stop_build).await?;
    scenarios.trigger(&["demo", "main", "--id", "unreceived"]).await?;
    scenarios.wait_for_messages("events", 1).await?;
    Ok(Aftermath { log, idle: IDLE })
}
