//! What can happen next in a world.

use std::collections::VecDeque;

use super::hand::{Claim, Hand, Write};
use super::world::{Late, World};
use crate::domain::Seen;
use crate::domain::tests::{mins, secs};

pub(super) struct Move {
    pub(super) what: &'static str,
    pub(super) is_fault: bool,
    pub(super) world: World,
}

/// The moves from one state.
pub(super) struct Moves<'a> {
    pub(super) from: &'a World,
    all: Vec<Move>,
}

impl World {
    pub(super) fn moves(&self) -> Vec<Move> {
        let mut moves = Moves { from: self, all: Vec::new() };
        for (worker, it) in self.workers.iter().enumerate() {
            if !it.is_paused && !matches!(it.hand, Hand::Idle) {
                moves.fault("a worker dies", |world| world.workers[worker].hand = Hand::Idle);
                moves.fault("a worker is paused", |world| world.workers[worker].is_paused = true);
            }
            match &it.hand {
                Hand::Idle => moves.begin(worker),
                Hand::Write(write) => moves.write(worker, write),
                Hand::Reread(write) => moves.reread(worker, write),
                Hand::Ack(claim) => moves.ack(worker, claim),
                Hand::Act(claim) => moves.act(worker, claim),
            }
        }
        moves.outside();
        moves.all
    }
}

impl Moves<'_> {
    pub(super) fn go(&mut self, what: &'static str, change: impl FnOnce(&mut World)) {
        let mut world = self.from.clone();
        change(&mut world);
        self.all.push(Move { what, is_fault: false, world });
    }

    /// A worker's next step: `step` changes the world, and says what the worker is at then.
    pub(super) fn step(&mut self, what: &'static str, worker: usize, step: impl FnOnce(&mut World) -> Hand) {
        self.go(what, |world| {
            world.workers[worker].is_paused = false;
            world.workers[worker].hand = step(world);
        });
    }

    pub(super) fn fault(&mut self, what: &'static str, change: impl FnOnce(&mut World)) {
        let Some(faults) = self.from.faults.checked_sub(1) else { return };
        let mut world = self.from.clone();
        world.faults = faults;
        change(&mut world);
        self.all.push(Move { what, is_fault: true, world });
    }

    /// A worker's next step goes wrong.
    pub(super) fn misstep(&mut self, what: &'static str, worker: usize, step: impl FnOnce(&mut World) -> Hand) {
        self.fault(what, |world| {
            world.workers[worker].is_paused = false;
            world.workers[worker].hand = step(world);
        });
    }

    /// What the clock, the provider and the network do.
    fn outside(&mut self) {
        let from = self.from;
        if !from.builds.is_empty() && !from.is_complete {
            self.go("the build ends", |world| world.is_complete = true);
        }
        match &from.late {
            Some(Late::Start { token, .. }) => self.go("a late start arrives", |world| {
                world.late = None;
                world.start(token);
            }),
            Some(Late::Flag { status, .. }) => self.go("a late flag arrives", |world| {
                world.late = None;
                world.flag = Some(*status);
            }),
            None => {}
        }
        let nobody_is_at_work = from.workers.iter().all(|it| it.is_paused || matches!(it.hand, Hand::Idle));
        let due = from.row.as_ref().filter(|_| nobody_is_at_work).and_then(|row| row.due_at());
        if let Some(due) = due.filter(|due| *due > from.now && from.can_wait_until(*due)) {
            self.go("time passes until the row is due", |world| world.now = due);
        }
        // Past a send's leave, past a token's life, past the disbelief in an empty listing.
        for (what, time) in
            [("all pause for 11 s", secs(11)), ("all pause for 6 min", mins(6)), ("all pause for 17 min", mins(17))]
        {
            if from.can_wait_until(from.now + time) {
                self.fault(what, |world| world.now = from.now + time);
            }
        }
    }

    /// A worker with nothing in hand gets a message, an event, or a row that is due.
    fn begin(&mut self, worker: usize) {
        let from = self.from;
        if from.copies > 0 {
            self.step("a message comes", worker, |world| Hand::arrive(world.knows_policy, world.now));
        }
        let Some(row) = &from.row else { return };
        let mut show = |what, seen: Seen| {
            let hand = Hand::decide(row, VecDeque::from([seen.into()]), from.now);
            // What changes nothing need not be looked at again.
            if !matches!(hand, Hand::Idle) {
                self.step(what, worker, |_| hand);
            }
        };
        if row.due_at().is_some_and(|due| due <= from.now) {
            show("the row is due", Seen::Woken);
        }
        if from.is_complete {
            // Soon, late, twice, or never: whenever a worker has time for it.
            show("an event comes", Seen::Described { build: from.build(), claims_final: true });
        }
    }

    fn write(&mut self, worker: usize, write: &Write) {
        self.step("writes", worker, |world| match (world.put(write), &world.row) {
            (true, _) => write.clone().done(world.now),
            (false, Some(there)) if write.is_insert() => Hand::Ack(Claim::of_nothing(there, world.now)),
            (false, Some(there)) => write.clone().lost_to(there, world.now),
            (false, None) => Hand::Idle,
        });
        self.misstep("writes and dies", worker, |world| {
            world.put(write);
            Hand::Idle
        });
        self.misstep("writes and hears nothing", worker, |world| {
            world.put(write);
            Hand::Reread(write.clone())
        });
        self.misstep("a write is lost", worker, |_| Hand::Reread(write.clone()));
    }

    fn reread(&mut self, worker: usize, write: &Write) {
        self.step("reads again", worker, |world| match &world.row {
            Some(there) if write.made(there) => write.clone().done(world.now),
            Some(there) if !write.is_insert() => write.clone().lost_to(there, world.now),
            // The message stays in the queue.
            Some(_) | None => Hand::Idle,
        });
        self.misstep("reads and hears nothing", worker, |_| Hand::Idle);
    }

    fn ack(&mut self, worker: usize, claim: &Claim) {
        self.step("deletes the message", worker, |world| {
            world.copies = world.copies.saturating_sub(1);
            claim.clone().go_on(world.now)
        });
        self.misstep("a delete is lost", worker, |world| claim.clone().go_on(world.now));
    }
}
