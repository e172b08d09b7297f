//! What of a state decides what can follow from it. Times are told from now: nothing knows what day it is. Every field
//! is named, so that a new one has to be thought about here.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::hand::{Claim, Hand, Write};
use super::world::{Late, Started, Worker, World};
use crate::domain::{Act, Phase, ProviderBuild, Row, SEND_WITHIN, Seen, SendSeen, Telling, Timestamp, Told};

/// The longest age of a request that anything asks for within the hours of this world: when "queued" is told.
const YOUNG: Duration = Duration::from_secs(11);

/// From here on a claim may not be used, and nothing else is asked of its age.
const LATE: Duration = Duration::from_millis(SEND_WITHIN.as_millis() as u64 + 1);

pub(super) fn of(world: &World) -> u64 {
    let World { faults, knows_policy, now, row, copies, builds, is_complete, flag, is_told, late, workers, broken } =
        world;
    let mut mark = Mark { hasher: DefaultHasher::new(), now: *now };
    mark.add((
        faults,
        knows_policy,
        copies,
        is_complete,
        flag.map(|flag| flag.as_str()),
        is_told,
        broken,
        row.is_some(),
    ));
    if let Some(row) = row {
        mark.row(row);
    }
    for Started { token, at } in builds {
        mark.add(token);
        mark.time(*at);
    }
    match late {
        Some(Late::Start { token, until }) => {
            mark.add((1, token));
            mark.time(*until);
        }
        Some(Late::Flag { status, until }) => {
            mark.add((2, status.as_str()));
            mark.time(*until);
        }
        None => mark.add(0),
    }
    // It is the same whichever of the two workers it is.
    let mut workers = workers.each_ref().map(|worker| of_worker(world, worker));
    workers.sort_unstable();
    mark.add(workers);
    mark.hasher.finish()
}

fn of_worker(world: &World, worker: &Worker) -> u64 {
    let Worker { hand, is_paused } = worker;
    let mut mark = Mark { hasher: DefaultHasher::new(), now: world.now };
    mark.add((is_paused, std::mem::discriminant(hand)));
    let there = world.row.as_ref();
    match hand {
        Hand::Idle => {}
        Hand::Write(write) => mark.write(write, there.map_or(0, |row| row.rev) + 1 == write.wanted().rev),
        Hand::Reread(write) => mark.write(write, there.is_some_and(|row| write.made(row))),
        Hand::Ack(claim) | Hand::Act(claim) => {
            mark.add(there.is_some_and(|row| row.rev == claim.row.rev));
            mark.claim(claim);
        }
    }
    mark.hasher.finish()
}

struct Mark {
    hasher: DefaultHasher,
    now: Timestamp,
}

impl Mark {
    fn add(&mut self, what: impl Hash) {
        what.hash(&mut self.hasher);
    }

    fn time(&mut self, at: Timestamp) {
        self.add(at.as_millis() - self.now.as_millis());
    }

    fn times<const N: usize>(&mut self, all: [Option<Timestamp>; N]) {
        for at in all {
            self.add(at.is_some());
            if let Some(at) = at {
                self.time(at);
            }
        }
    }

    fn row(&mut self, row: &Row) {
        let Row {
            received_at,
            wanted,
            phase,
            phase_due,
            tries,
            telling,
            settled_at,
            strikes,
            isolated,
            // The same in every state, or only for people.
            key: _,
            rev: _,
            writer: _,
            request: _,
            message: _,
            trail: _,
        } = row;
        self.time((*received_at).max(self.now - YOUNG));
        self.add((*wanted as u8, tries, settled_at.is_some(), strikes, isolated.is_some()));
        // What is due is due, since whenever.
        self.times([phase_due.map(|due| due.max(self.now))]);
        self.phase(phase);
        self.telling(telling);
    }

    /// Launches and builds are the same in all states.
    fn phase(&mut self, phase: &Phase) {
        self.add(std::mem::discriminant(phase));
        match phase {
            Phase::Received => {}
            Phase::Accepted { launch: _, attempt, waiting } => self.add((attempt, waiting)),
            Phase::Starting { launch: _, attempt, first_sent_at, last_sent_at, sends } => {
                self.add((attempt, sends));
                self.times([Some(*first_sent_at), Some(*last_sent_at)]);
            }
            Phase::Running { launch: _, build: _, since, gone_since } => self.times([Some(*since), *gone_since]),
            // Its time counts only after days.
            Phase::Finished { ending, build, target } => {
                self.add((ending.status.as_str(), &ending.text, build.is_some(), target.is_some()));
            }
            Phase::Rejected { reason, at: _, target } => self.add((reason, target.is_some())),
        }
    }

    fn telling(&mut self, telling: &Telling) {
        let Telling { under_way, told, doubt, doubt_since, repeated, tries, contended, undeliverable, not_before, due } =
            telling;
        self.told(*under_way);
        self.told(*told);
        self.add((doubt, repeated, tries, contended, undeliverable));
        self.times([*doubt_since]);
        self.times([*not_before, *due].map(|time| time.map(|time| time.max(self.now))));
    }

    /// Of a write that will not be, or was not, only what led to it goes on.
    fn write(&mut self, write: &Write, is_mine: bool) {
        let Write { seen, claim } = write;
        self.add((is_mine, write.is_insert()));
        self.seen(seen);
        if is_mine {
            self.claim(claim);
        } else {
            claim.seen.iter().for_each(|seen| self.seen(seen));
        }
    }

    fn told(&mut self, told: Option<Told>) {
        self.add(told.map(|told| told.status.as_str()));
        self.times([told.map(|told| told.at)]);
    }

    fn claim(&mut self, claim: &Claim) {
        let Claim { row, acts, seen, at } = claim;
        self.row(row);
        self.time((*at).max(self.now - LATE));
        self.add((acts.len(), seen.len()));
        acts.iter().for_each(|act| self.act(act));
        seen.iter().for_each(|seen| self.seen(seen));
    }

    fn act(&mut self, act: &Act) {
        self.add(std::mem::discriminant(act));
        match act {
            Act::StartBuild { attempt, input: _, token: _, build_project: _ } => self.add(attempt),
            Act::SearchBuild(search) => self.times([Some(search.asked_at), Some(search.not_before)]),
            Act::Tell { report, claimed, target: _ } => {
                self.add(&report.comment);
                self.told(Some(*claimed));
            }
            // What these name is the same in all states.
            Act::ReadPolicy
            | Act::FindHead { .. }
            | Act::Describe(_)
            | Act::StopBuild(_)
            | Act::StopSecond { .. }
            | Act::CancelJob(_) => {}
        }
    }

    fn seen(&mut self, seen: &Seen) {
        self.add(std::mem::discriminant(seen));
        match seen {
            Seen::Sent { attempt, answer } => self.add((attempt, std::mem::discriminant(answer), is_over(seen))),
            Seen::Searched { asked_at, builds: _ } => {
                self.time(*asked_at);
                self.add(is_over(seen));
            }
            Seen::Described { build: _, claims_final } => self.add((claims_final, is_over(seen))),
            Seen::Told { claimed, outcome } => {
                self.told(Some(*claimed));
                self.add(std::mem::discriminant(outcome));
            }
            Seen::Policy(policy) => self.add(std::mem::discriminant(policy)),
            Seen::Woken
            | Seen::Turn
            | Seen::Head { .. }
            | Seen::NotKnown(_)
            | Seen::CancelMarked
            | Seen::LookFailed(_) => {}
        }
    }
}

/// Whether what was seen of the one build, if anything, says that it has ended.
fn is_over(seen: &Seen) -> Option<bool> {
    let of = |build: &ProviderBuild| build.complete;
    match seen {
        Seen::Sent { answer: SendSeen::Started(build), .. } => Some(of(build)),
        Seen::Searched { builds, .. } => builds.first().map(of),
        Seen::Described { build, .. } => Some(of(build)),
        _ => None,
    }
}
