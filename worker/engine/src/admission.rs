//! A decision, with permits to do what it decides: where a destination does not open, the row waiters instead.

use std::sync::Arc;

use crate::domain::{Admission, Decision, DecisionContext, Effect, Observation, Phase, Row, StartOutcome, next};
use crate::engine::Engine;
use crate::limiter::{ConcurrencyLimiter, Permit};
use crate::ports::{Clock, Ports};

/// What a row may send.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    pub(crate) start: Option<Permit>,
    pub(crate) report: Option<Permit>,
}

/// Before which gates a row waiters, once it is written.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    build_group: Option<String>,
    forge_url: Option<String>,
}

pub(crate) struct PermittedDecision {
    pub(crate) decision: Decision,
    pub(crate) permits: Permits,
    pub(crate) waiters: Waiters,
}

impl<P: Ports> Engine<P> {
    /// Decides as if all gates were open, and anew for each that is not: which ones a row has to pass comes out only
    /// with the decision. None while AWS's time is not known.
    pub(crate) fn decide(
        &self,
        row: &Row,
        observation: &Observation,
        permit: Option<Permit>,
    ) -> Option<PermittedDecision> {
        let Some(now) = self.ports.clock().now() else {
            tracing::warn!("AWS's time is not known: nothing is decided");
            return None;
        };
        let mut context = DecisionContext { now, slot_available: true, report_admission: Admission::Granted };
        let (mut permits, mut waiters, mut permit) = (Permits::default(), Waiters::default(), permit);
        loop {
            let decision = next(row.clone(), observation.clone(), context, &self.config.jobs);
            if context.slot_available
                && permits.start.is_none()
                && let Some(build_group) = build_group_needed(&decision)
            {
                match take_permit(&self.build_limiter, &mut permit, &build_group) {
                    Ok(granted) => permits.start = Some(granted),
                    Err(_) => {
                        context.slot_available = false;
                        waiters.build_group = Some(build_group);
                        continue;
                    }
                }
            }
            if context.report_admission == Admission::Granted
                && permits.report.is_none()
                && let Some(forge_url) = forge_url_needed(&decision)
            {
                match take_permit(&self.report_limiter, &mut permit, &forge_url) {
                    Ok(granted) => permits.report = Some(granted),
                    Err(admission) => {
                        context.report_admission = admission;
                        waiters.forge_url = Some(forge_url);
                        continue;
                    }
                }
            }
            if matches!(observation, Observation::StartAttempted { outcome: StartOutcome::Limited(_), .. }) {
                waiters.build_group = waiters.build_group.or_else(|| build_group_of(&decision.row));
            }
            return Some(PermittedDecision { decision, permits, waiters });
        }
    }

    /// A row that is written is told when its turn comes; its due time stands in for a worker that dies.
    pub(crate) fn enqueue_waiters(&self, row: &Row, waiters: Waiters) {
        let project = &row.request.project;
        if let Some(build_group) = waiters.build_group.filter(|_| matches!(row.phase, Phase::Accepted { .. })) {
            self.build_limiter.enqueue(&build_group, project, row.received_at, &row.key);
        }
        if let Some(forge_url) = waiters.forge_url {
            self.report_limiter.enqueue(&forge_url, project, row.received_at, &row.key);
        }
    }

    /// The end of a build makes room for another one.
    pub(crate) fn release_build_slot(&self, before: &Row, after: &Row) {
        let has_ended = matches!(after.phase, Phase::Finished { build: Some(_), .. });
        if let Some(build_group) = build_group_of(before).filter(|_| has_ended)
            && self.build_limiter.release_slot(&build_group)
        {
            self.slot_freed.notify_one();
        }
    }
}

/// The build_group of a row that has a launch.
pub(crate) fn build_group_of(row: &Row) -> Option<String> {
    row.launch().map(|launch| launch.target.to_string())
}

fn take_permit(
    limiter: &Arc<ConcurrencyLimiter>,
    permit: &mut Option<Permit>,
    destination: &str,
) -> Result<Permit, Admission> {
    match permit.take_if(|permit| permit.is_for(limiter, destination)) {
        Some(permit) => Ok(permit),
        None => limiter.try_acquire(destination),
    }
}

fn build_group_needed(decision: &Decision) -> Option<String> {
    decision.effects.iter().find_map(|effect| match effect {
        Effect::StartBuild { spec, .. } => Some(spec.target.to_string()),
        _ => None,
    })
}

fn forge_url_needed(decision: &Decision) -> Option<String> {
    decision.effects.iter().find_map(|effect| match effect {
        Effect::ReportStatus { target, .. } => Some(target.to.url.to_string()),
        _ => None,
    })
}
