//! Registered projects, and numbered requests.
use serde_json::json;

use super::state::EndpointState;
use crate::account::definition::{TRIGGER_QUEUE, topic_arn};
use crate::sandbox::BUILD_PROJECT;

/// The project that every endpoint has.
pub(super) const PROJECT: &str = "demo";
const TOKEN_SECRET: &str = "doorbell/report/forge";

/// Registers a project; with `reports`, its statuses go to this endpoint's forge.
pub(super) fn register_project(state: &mut EndpointState, project: &str, url: &str, reports: bool) {
    let mut document = json!({
        "gitUrl": format!("{url}/{project}.git"),
        "command": "./ci.sh",
        "refs": ["heads/*"],
        "buildProject": BUILD_PROJECT,
        "timeoutMinutes": 5,
    });
    if reports {
        document["reportTo"] = json!({ "type": "pagure", "url": url, "repo": project, "tokenSecret": TOKEN_SECRET });
        state.secrets.insert(TOKEN_SECRET.to_owned(), "a-token-of-the-fast-endpoint".to_owned());
    }
    state.parameters.insert(format!("/doorbell/{project}"), document.to_string());
}

/// The commit of a request. It is no other request's, so that it identifies the job.
pub(super) fn commit(number: usize) -> String {
    format!("{:040x}", number + 1)
}

/// Sends the envelope of a request for a project to the trigger queue.
pub(super) fn enqueue(state: &mut EndpointState, project: &str, number: usize) {
    let request = json!({ "version": 1, "project": project, "branch": "main", "commit": commit(number) });
    let envelope = json!({
        "Type": "Notification",
        "MessageId": format!("00000000-0000-4000-9000-{number:012x}"),
        "TopicArn": topic_arn(),
        "Message": request.to_string(),
        "Timestamp": crate::now_in_iso_8601(),
    });
    if let Some(queue) = state.queues.get_mut(TRIGGER_QUEUE) {
        let message = queue.send(envelope.to_string());
        state.messages.entry(commit(number)).or_insert(message);
    }
}
