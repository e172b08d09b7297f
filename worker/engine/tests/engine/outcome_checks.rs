//! What must hold of each row when a simulation is over.

use doorbell_engine::domain::{BuildOutcome, BuildState, Phase, ProviderBuild, Row, TrailKind};
use doorbell_messages::Status;

use crate::harness::Simulation;

/// Checks that a row's final status is that of its build.
pub fn check_final_status(simulation: &Simulation, row: &Row) {
    let Phase::Finished { result, .. } = &row.phase else { return };
    if let Some(build) = simulation.own_builds(&row.key).first() {
        let is_unknown = result.message.starts_with("unknown whether it started");
        let is_right = result.status == status_of(build);
        assert!(is_right || is_unknown, "{row:#?} of {build:#?}");
    }
}

/// Checks that an accepted job of a project that is announced has a done event.
pub fn check_announced(simulation: &Simulation, row: &Row) {
    let was_accepted = row.trail.iter().any(|entry| entry.kind == TrailKind::Accepted);
    let is_announced = was_accepted && simulation.publishes_done_events && row.request.project.as_str() != "careful";
    assert!(!is_announced || row.done_event.is_some(), "no done event: {row:#?}");
}

fn status_of(build: &ProviderBuild) -> Status {
    match &build.state {
        BuildState::Queued => Status::Queued,
        BuildState::Running => Status::Running,
        BuildState::Ended(BuildOutcome::Success) => Status::Success,
        BuildState::Ended(BuildOutcome::CommandFailed { .. }) => Status::Failure,
        BuildState::Ended(BuildOutcome::Canceled | BuildOutcome::OlderCommit) => Status::Canceled,
        BuildState::Ended(_) => Status::Error,
    }
}
