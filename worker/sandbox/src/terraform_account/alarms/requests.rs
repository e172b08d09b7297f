//! Causes that begin with what publishers ask.
use std::time::Duration;

use serde_json::json;

use super::{Aftermath, stop, wait_for_lines};
use crate::account::IAM_VERSION;
use crate::account::definition::WORKER_ROLE;
use crate::terraform_account::scenarios::TerraformScenarios;

/// The alarms' thresholds are 50 rejections, 20 failed reports and 5 failed done events.
const REJECTED_REQUESTS: usize = 51;
const FAILED_REPORTS: usize = 21;
const FAILED_DONE_EVENTS: usize = 6;
/// The name of the policy that takes the done events away from the workers.
const SILENCE: &str = "silence";

/// A CI asks again and again for a branch that the registry does not allow, once with the same id.
pub(super) async fn publish_rejected_requests(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<Aftermath> {
    let worker = scenarios.start_worker("rejected-requests", &[]).await?;
    for number in 1..REJECTED_REQUESTS {
        publish_rejected_request(scenarios, number).await?;
    }
    wait_for_lines(&worker, "\"job.status\":\"rejected\"", REJECTED_REQUESTS - 1).await?;
    // The repeat of a refused request is a job of its own.
    publish_rejected_request(scenarios, 1).await?;
    wait_for_lines(&worker, "\"job.status\":\"rejected\"", REJECTED_REQUESTS).await?;
    Ok(Aftermath { log: stop(worker).await?, idle: Duration::ZERO })
}

async fn publish_rejected_request(scenarios: &TerraformScenarios<'_>, number: usize) -> anyhow::Result<()> {
    let request = json!({ "project": "demo", "branch": "other", "id": format!("rejected-{number}") });
    scenarios.publish(&request.to_string()).await
}

/// An organization's policy takes the worker's right to publish away. The project also announces rejections.
pub(super) async fn deny_done_events(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<Aftermath> {
    let root = &scenarios.fixture.root;
    let denial = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Deny", "Action": "sns:Publish", "Resource": "*" },
    ]});
    let policy = [("RoleName", WORKER_ROLE), ("PolicyName", SILENCE), ("PolicyDocument", &denial.to_string())];
    root.query("iam", IAM_VERSION, "PutRolePolicy", &policy).await?;
    let worker = scenarios.start_worker("denied-done-events", &[]).await?;
    for number in 0..FAILED_DONE_EVENTS {
        let request = json!({ "project": "demo", "branch": "other", "id": format!("unannounced-{number}") });
        scenarios.publish(&request.to_string()).await?;
    }
    wait_for_lines(&worker, "done event refused", FAILED_DONE_EVENTS).await?;
    let log = stop(worker).await?;
    let policy = [("RoleName", WORKER_ROLE), ("PolicyName", SILENCE)];
    root.query("iam", IAM_VERSION, "DeleteRolePolicy", &policy).await?;
    Ok(Aftermath { log, idle: Duration::ZERO })
}

/// The forge does not know the token any more. A rejection is reported on the request's commit without any build.
pub(super) async fn report_with_a_revoked_token(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<Aftermath> {
    scenarios.revoke_token();
    let worker = scenarios.start_worker("revoked-token", &[]).await?;
    for number in 0..FAILED_REPORTS {
        let id = format!("unreported-{number}");
        let request = json!({ "project": "demo", "branch": "other", "commit": scenarios.commit, "id": id });
        scenarios.publish(&request.to_string()).await?;
    }
    wait_for_lines(&worker, "status report failed", FAILED_REPORTS).await?;
    Ok(Aftermath { log: stop(worker).await?, idle: Duration::ZERO })
}

/// A worker cannot parse a request and an event, and sends both to the dead-letter queue.
pub(super) async fn send_unreadable_messages(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<Aftermath> {
    let worker = scenarios.start_worker("unreadable-messages", &[]).await?;
    scenarios.publish("no request").await?;
    let event = json!({ "QueueUrl": scenarios.queue_url("events"), "MessageBody": "no event" });
    scenarios.fixture.root.json("sqs", "AmazonSQS.SendMessage", event).await?;
    scenarios.wait_for_messages("dead-letters", 2).await?;
    Ok(Aftermath { log: stop(worker).await?, idle: Duration::ZERO })
}
