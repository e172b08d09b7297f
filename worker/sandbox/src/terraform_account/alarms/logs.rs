//! Causes in the log groups of builds.
use std::time::Duration;

use anyhow::ensure;
use serde_json::json;

use super::Aftermath;
use crate::account::definition::ACCOUNT_ID;
use crate::credentials::RoleCredentials;
use crate::terraform_account::scenarios::TerraformScenarios;

/// The role of the builds of pull requests, named as their build project, and their log group.
const UNPRIVILEGED_ROLE: &str = "doorbell_unprivileged";
const UNPRIVILEGED_LOG_GROUP: &str = "/aws/codebuild/doorbell_unprivileged";
/// A stream that no build made.
const STREAM: &str = "from-outside";
/// The alarm's threshold is 100 MB. A call takes 1 MB, an event at most 256 KB.
const CALLS: usize = 101;
const EVENTS_PER_CALL: usize = 4;
const EVENT_BYTES: usize = 250_000;

/// The command of a pull request's build has sent its credentials to a stranger, who writes with them from outside.
pub(super) async fn flood_the_log_of_pull_requests(scenarios: &TerraformScenarios<'_>) -> anyhow::Result<Aftermath> {
    let fixture = &scenarios.fixture;
    let roles = RoleCredentials::new(fixture.root.clone(), ACCOUNT_ID, fixture.key_ring.clone());
    let stranger = fixture.root.with_key(roles.key_in_build(UNPRIVILEGED_ROLE, UNPRIVILEGED_ROLE).await?);
    let call = async |action: &str, group: &str, events: serde_json::Value| {
        let body = json!({ "logGroupName": group, "logStreamName": STREAM, "logEvents": events });
        stranger.json("logs", &format!("Logs_20140328.{action}"), body).await
    };
    call("CreateLogStream", UNPRIVILEGED_LOG_GROUP, json!(null)).await?;
    let event = json!({ "timestamp": jiff::Timestamp::now().as_millisecond(), "message": "x".repeat(EVENT_BYTES) });
    for _ in 0..CALLS {
        call("PutLogEvents", UNPRIVILEGED_LOG_GROUP, json!(vec![&event; EVENTS_PER_CALL])).await?;
    }
    ensure!(
        call("CreateLogStream", "/doorbell/worker", json!(null)).await.is_err(),
        "the role of pull requests may write the worker's log"
    );
    Ok(Aftermath { log: String::new(), idle: Duration::ZERO })
}
