//! The one registered project, and its numbered requests.
use serde_json::json;

use super::state::EndpointState;
use crate::account::definition::{TRIGGER_QUEUE, topic_arn};
use crate::sandbox::BUILD_PROJECT;

const PROJECT: &str = "demo";
const TOKEN_SECRET: &str = "doorbell/report/forge";

/// Registers the project; with `reports`, its statuses go to this endpoint's forge.
pub(super) fn register_project(state: &mut EndpointState, url: &str, reports: bool) {
    let mut document = json!({
        "gitUrl": format!("{url}/{PROJECT}.git"),
        "command": "./ci.sh",
        "refs": ["heads/*"],
        "buildProject": BUILD_PROJECT,
        "timeoutMinutes": 5,
    });
    if reports {
        document["reportTo"] = json!({ "type": "pagure", "url": url, "repo": PROJECT, "tokenSecret": TOKEN_SECRET });
        state.secrets.insert(TOKEN_SECRET.to_owned(), "a-token-of-the-fast-endpoint".to_owned());
    }
    state.parameters.insert(format!("/doorbell/{PROJECT}"), document.to_string());
}

/// The commit of a request. It is no other request's, so that it identifies the job.
pub(super) fn commit(number: usize) -> String {
    format!("{:040x}", number + 1)
}

/// Sends a request's envelope to the trigger queue.
pub(super) fn enqueue(state: &mut EndpointState, number: usize) {
    let request = json!({ "version": 1, "project": PROJECT, "branch": "main", "commit": commit(number) });
    let envelope = json!({
        "Type": "Notification",
        "MessageId": format!("00000000-0000-4000-9000-{number:012x}"),
        "TopicArn": topic_arn(),
        "Message": request.to_string(),
        "Timestamp": crate::now_in_iso_8601(),
    });
    if let Some(queue) = state.queues.get_mut(TRIGGER_QUEUE) {
        queue.send(envelope.to_string());
    }
}
