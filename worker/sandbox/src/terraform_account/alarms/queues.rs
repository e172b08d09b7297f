//! Causes in what SNS and EventBridge may send.
use std::time::Duration;

use serde_json::json;

use super::{Aftermath, codebuild, stop};
use crate::terraform_account::scenarios::TerraformScenarios;

/// An operator removes the policies of the work queues: SNS and EventBridge cannot deliver, and redrive what they have.
///
/// A worker runs, and finds the end of the build by itself. Then the policies are back.
pub(super) async fn remove_policies(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<Aftermath> {
    let worker = scenarios.start_worker("removed-policies", &[]).await?;
    let key = scenarios.trigger(&["demo", "main", "--id", "undelivered", "--var", "STAGE=slow"]).await?;
    let job = scenarios.wait_for_job(&key, "running", |job| job.phase() == "running").await?;
    let mut policies = Vec::new();
    for queue in ["triggers", "events"] {
        policies.push((queue, replace_policy(scenarios, queue, "").await?));
    }
    scenarios.publish(&json!({ "project": "demo", "branch": "main", "id": "unreceived-2" }).to_string()).await?;
    let stop_build = json!({ "id": job.build_id() });
    codebuild(scenarios)?.json("codebuild", "CodeBuild_20161006.StopBuild", stop_build).await?;
    for queue in ["subscription-dead-letters", "events-dead-letters"] {
        scenarios.wait_for_messages(queue, 1).await?;
    }
    let log = stop(worker).await?;
    for (queue, policy) in policies {
        replace_policy(scenarios, queue, &policy).await?;
    }
    Ok(Aftermath { log, idle: Duration::ZERO })
}

/// Returns the policy that the queue had.
async fn replace_policy(scenarios: &TerraformScenarios<'_>, queue: &str, policy: &str) -> anyhow::Result<String> {
    let (root, url) = (&scenarios.fixture.root, scenarios.queue_url(queue));
    let read = json!({ "QueueUrl": url, "AttributeNames": ["Policy"] });
    let response = root.json("sqs", "AmazonSQS.GetQueueAttributes", read).await?;
    let write = json!({ "QueueUrl": url, "Attributes": { "Policy": policy } });
    root.json("sqs", "AmazonSQS.SetQueueAttributes", write).await?;
    Ok(response["Attributes"]["Policy"].as_str().unwrap_or_default().to_owned())
}
