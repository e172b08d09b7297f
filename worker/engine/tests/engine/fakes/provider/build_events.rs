use std::sync::Arc;

use doorbell_engine::domain::BuildOutcome;
use doorbell_messages::BuildId;

use crate::fakes::{FakeServices, SeededRng, lock};

/// The event of a build's state, as EventBridge puts it into the queue.
pub fn event(id: &BuildId, status: &str) -> String {
    serde_json::json!({
        "source": "aws.codebuild",
        "detail-type": "CodeBuild Build State Change",
        "detail": {
            "build-id": format!("arn:aws:codebuild:eu-west-1:123456789012:build/{id}"),
            "build-status": status,
        },
    })
    .to_string()
}

/// Schedules the events of a new build.
pub(super) fn schedule_events(shared: &Arc<FakeServices>, id: BuildId) {
    let (rules, ends) = {
        let builds = lock(&shared.provider);
        (builds.behavior.clone(), event_status(&builds.behavior.result).to_owned())
    };
    let (build_time, rng) = {
        let mut account = lock(&shared.provider);
        let build_time =
            account.builds.get(&id).map(|build| build.ends_at.duration_since(shared.now())).unwrap_or_default();
        (build_time, account.rng.as_mut().map(SeededRng::fork))
    };
    for (status, after) in
        [("IN_PROGRESS".to_owned(), rules.start_event_after), (ends, build_time + rules.end_event_after)]
    {
        let (shared, id, mut rng) = (Arc::clone(shared), id.clone(), rng.clone());
        tokio::spawn(async move {
            let copies = rng.as_mut().map_or(rules.event_copies, |rng| rng.one_of(&[0, 1, 1, 1, 2, 3]));
            let mut after = after;
            for _ in 0..copies {
                let late = rng.as_mut().map(|rng| {
                    let latest = rng.one_of(&[500, 60_000, 600_000]);
                    rng.millis(latest)
                });
                tokio::time::sleep(std::mem::take(&mut after) + late.unwrap_or_default()).await;
                shared.events.send(event(&id, &status));
            }
        });
    }
}

/// The status in the event of a build's end.
fn event_status(outcome: &BuildOutcome) -> &'static str {
    match outcome {
        BuildOutcome::Success => "SUCCEEDED",
        BuildOutcome::Canceled => "STOPPED",
        _ => "FAILED",
    }
}
