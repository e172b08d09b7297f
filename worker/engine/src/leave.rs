//! A decision, with leave to do what it decides: where a gate does not open, the row waits instead.

use std::sync::Arc;

use crate::domain::{Act, Passage, Phase, Row, Seen, SendSeen, Situation, Step, next};
use crate::engine::Engine;
use crate::lines::{Lines, Permit};
use crate::ports::{Clock, World};

/// What a row may send.
#[derive(Debug, Default)]
pub(crate) struct Leave {
    pub(crate) to_start: Option<Permit>,
    pub(crate) to_tell: Option<Permit>,
}

/// Before which gates a row waits, once it is written.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    pool: Option<String>,
    forge: Option<String>,
}

pub(crate) struct Decision {
    pub(crate) step: Step,
    pub(crate) leave: Leave,
    pub(crate) waits: Waits,
}

impl<W: World> Engine<W> {
    /// Decides as if all gates were open, and anew for each that is not: which ones a row has to pass comes out only
    /// with the decision. None while AWS's time is not known.
    pub(crate) fn decide(&self, row: &Row, seen: &Seen, permit: Option<Permit>) -> Option<Decision> {
        let Some(now) = self.world.clock().now() else {
            tracing::warn!("AWS's time is not known: nothing is decided");
            return None;
        };
        let mut situation = Situation { now, pool_open: true, forge: Passage::Open };
        let (mut leave, mut waits, mut permit) = (Leave::default(), Waits::default(), permit);
        loop {
            let step = next(row.clone(), seen.clone(), situation, &self.settings.rules);
            if situation.pool_open
                && leave.to_start.is_none()
                && let Some(pool) = pool_to_pass(&step)
            {
                match pass(&self.pools, &mut permit, &pool) {
                    Ok(granted) => leave.to_start = Some(granted),
                    Err(_) => {
                        situation.pool_open = false;
                        waits.pool = Some(pool);
                        continue;
                    }
                }
            }
            if situation.forge == Passage::Open
                && leave.to_tell.is_none()
                && let Some(forge) = forge_to_pass(&step)
            {
                match pass(&self.forges, &mut permit, &forge) {
                    Ok(granted) => leave.to_tell = Some(granted),
                    Err(passage) => {
                        situation.forge = passage;
                        waits.forge = Some(forge);
                        continue;
                    }
                }
            }
            if matches!(seen, Seen::Sent { answer: SendSeen::Limited(_), .. }) {
                waits.pool = waits.pool.or_else(|| pool_of(&step.row));
            }
            return Some(Decision { step, leave, waits });
        }
    }

    /// A row that is written is told when its turn comes; its due time stands in for a worker that dies.
    pub(crate) fn line_up(&self, row: &Row, waits: Waits) {
        let project = &row.request.project;
        if let Some(pool) = waits.pool.filter(|_| matches!(row.phase, Phase::Accepted { .. })) {
            self.pools.wait(&pool, project, row.received_at, &row.key);
        }
        if let Some(forge) = waits.forge {
            self.forges.wait(&forge, project, row.received_at, &row.key);
        }
    }

    /// The end of a build makes room for another one.
    pub(crate) fn tell_of_a_free_place(&self, before: &Row, after: &Row) {
        let has_ended = matches!(after.phase, Phase::Finished { build: Some(_), .. });
        if let Some(pool) = pool_of(before).filter(|_| has_ended)
            && self.pools.freed(&pool)
        {
            self.scarce.notify_one();
        }
    }
}

/// The pool of a row that has a launch.
pub(crate) fn pool_of(row: &Row) -> Option<String> {
    match &row.phase {
        Phase::Accepted { launch, .. } | Phase::Starting { launch, .. } | Phase::Running { launch, .. } => {
            Some(launch.build_project.to_string())
        }
        Phase::Received | Phase::Finished { .. } | Phase::Rejected { .. } => None,
    }
}

fn pass(lines: &Arc<Lines>, permit: &mut Option<Permit>, gate: &str) -> Result<Permit, Passage> {
    match permit.take_if(|permit| permit.is_for(lines, gate)) {
        Some(permit) => Ok(permit),
        None => lines.enter(gate),
    }
}

fn pool_to_pass(step: &Step) -> Option<String> {
    step.acts.iter().find_map(|act| match act {
        Act::StartBuild { build_project, .. } => Some(build_project.to_string()),
        _ => None,
    })
}

fn forge_to_pass(step: &Step) -> Option<String> {
    step.acts.iter().find_map(|act| match act {
        Act::Tell { target, .. } => Some(target.forge.url.to_string()),
        _ => None,
    })
}
