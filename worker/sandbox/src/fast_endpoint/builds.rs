//! CodeBuild's calls, over builds that run no process.
use std::sync::Arc;

use doorbell_messages::COMMIT;
use jiff::Timestamp;
use serde_json::Value;
use tokio::time::{Instant, sleep};

use super::api_error::{ApiError, ApiResult};
use super::state::{EndpointState, SharedState};

/// Executes a call.
pub(super) fn call(state: &Arc<SharedState>, operation: &str, body: &[u8]) -> ApiResult {
    match operation {
        "StartBuild" => start(state, body),
        "BatchGetBuilds" => Ok(state.change(|state| state.builds.describe(body))?),
        "ListBuildsForProject" => {
            let input: Value = serde_json::from_slice(body)?;
            Ok(state.change(|state| state.builds.list(&input)))
        }
        "StopBuild" => {
            let input: Value = serde_json::from_slice(body)?;
            state.change(|state| {
                let id = input["id"].as_str().unwrap_or_default();
                let (answer, event) = state.builds.stop(id, Timestamp::now())?;
                deliver(state, event.as_ref());
                Ok(answer)
            })
        }
        other => Err(ApiError::unsupported(other)),
    }
}

fn start(state: &Arc<SharedState>, body: &[u8]) -> ApiResult {
    let (answer, ends) = state.change(|state| {
        let started = state.builds.start(body, Timestamp::now())?;
        if !started.is_new {
            return Ok((started.answer, None));
        }
        let commit = state.builds.variable(&started.id, COMMIT).unwrap_or_default().to_owned();
        state.starts.entry(commit).or_default().push(Instant::now());
        deliver(state, Some(&started.event));
        Ok::<_, ApiError>((started.answer, state.settings.build_duration.map(|duration| (started.id, duration))))
    })?;
    if let Some((id, duration)) = ends {
        let state = Arc::clone(state);
        tokio::spawn(async move {
            sleep(duration).await;
            state.change(|state| finish(state, &id));
        });
    }
    Ok(answer)
}

/// Ends a build with success.
pub(super) fn finish(state: &mut EndpointState, id: &str) {
    let event = state.builds.finish(id, Timestamp::now());
    deliver(state, event.as_ref());
}

fn deliver(state: &mut EndpointState, event: Option<&Value>) {
    if let Some(event) = event.filter(|_| state.settings.sends_events) {
        state.deliver_event(event);
    }
}
