//! A subscriber of done events, as another program's owner makes one.
use serde_json::{Value, json};

use crate::account::DoneSubscriber;
use crate::sandbox::Sandbox;

/// Subscribes a queue to the failures of one project.
pub(super) async fn subscribe_to_failures(sandbox: &Sandbox, project: &str) -> anyhow::Result<DoneSubscriber> {
    let filter = json!({ "project": [project], "status": ["failure", "error"] });
    Ok(sandbox.account.subscribe_to_done_events("failures", &filter).await?)
}

/// The events that the queue has received.
pub(super) async fn take_received(sandbox: &Sandbox, subscriber: &DoneSubscriber) -> anyhow::Result<Vec<Value>> {
    let messages = sandbox.account.take_done_events(subscriber).await?;
    Ok(messages.iter().map(|message| serde_json::from_str(&message.body)).collect::<Result<_, _>>()?)
}
