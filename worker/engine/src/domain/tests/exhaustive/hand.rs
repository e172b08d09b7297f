//! What one worker is at, step by step as in `drive.rs` and `triggers.rs`: others can move between any two steps.

use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::LazyLock;

use serde_json::json;

use crate::domain::tests::{COMMIT, Life, known, policy, rules};
use crate::domain::{Act, LEASE, Passage, ProviderBuild, Row, Rules, Seen, Situation, Step, Timestamp, next};

// What every history shares, made once.
static RULES: LazyLock<Rules> = LazyLock::new(rules);
static BLANK: LazyLock<Row> = LazyLock::new(|| Life::of(json!({"commit": COMMIT})).row);
static BUILD: LazyLock<ProviderBuild> = LazyLock::new(|| Life::of(json!({"commit": COMMIT})).build(1, "IN_PROGRESS"));
static POLICY: LazyLock<Seen> = LazyLock::new(|| known(&policy(json!({}))));

/// A worker decides as soon as it has something to decide on; between that and its write, and between its write and what
/// it then does, anything can happen, for as long as can be.
#[derive(Debug, Clone, Default)]
pub(super) enum Hand {
    #[default]
    Idle,
    /// Decided; the write is on its way.
    Write(Write),
    /// Its answer was lost: whose is the row now?
    Reread(Write),
    /// The row is new and durable; its message is to be deleted.
    Ack(Claim),
    /// Written, or nothing to write: the acts are to be done.
    Act(Claim),
}

#[derive(Debug, Clone)]
pub(super) struct Write {
    /// What led to it, for a decision on another row.
    pub(super) seen: Rc<Seen>,
    pub(super) claim: Claim,
}

#[derive(Debug, Clone)]
pub(super) struct Claim {
    pub(super) row: Rc<Row>,
    /// What is left to do.
    pub(super) acts: VecDeque<Rc<Act>>,
    /// What the acts have brought so far.
    pub(super) seen: VecDeque<Rc<Seen>>,
    /// By the worker's own clock: when it was decided.
    pub(super) at: Timestamp,
}

/// The policy, as the registry answers.
pub(super) fn policy_seen() -> Seen {
    POLICY.clone()
}

/// The only build that there should be.
pub(super) fn build_seen(started_at: Option<Timestamp>, is_complete: bool) -> ProviderBuild {
    let status = if is_complete { "SUCCEEDED" } else { "IN_PROGRESS" };
    ProviderBuild { started_at, complete: is_complete, status: status.to_owned(), ..BUILD.clone() }
}

impl Hand {
    /// Takes a copy of the message: decides on a row that was never written, and wants to insert it.
    pub(super) fn arrive(knows_policy: bool, now: Timestamp) -> Self {
        let blank = Row { received_at: now, phase_due: Some(now), ..BLANK.clone() };
        let seen = if knows_policy { policy_seen() } else { Seen::Woken };
        let Step { row: mut wanted, acts, .. } = next(blank, seen.clone(), open(now), &RULES);
        if wanted.phase_due.is_some_and(|due| due <= now) {
            wanted.phase_due = Some(now + LEASE);
        }
        Self::write(wanted, seen.into(), VecDeque::new(), acts, now)
    }

    /// Decides on a row as it is, and on the first of what was seen.
    pub(super) fn decide(row: &Rc<Row>, mut seen: VecDeque<Rc<Seen>>, now: Timestamp) -> Self {
        let Some(first) = seen.pop_front() else { return Self::Idle };
        let step = next((**row).clone(), (*first).clone(), open(now), &RULES);
        if step.changed {
            let wanted = Row { rev: row.rev + 1, ..step.row };
            return Self::write(wanted, first, seen, step.acts, now);
        }
        let acts = step.acts.into_iter().map(Rc::new).collect();
        Claim { row: Rc::clone(row), acts, seen, at: now }.go_on(now)
    }

    fn write(mut wanted: Row, seen: Rc<Seen>, rest: VecDeque<Rc<Seen>>, acts: Vec<Act>, at: Timestamp) -> Self {
        // For people only, and dear to copy.
        wanted.trail.clear();
        let row = Rc::new(wanted);
        let acts = acts.into_iter().map(Rc::new).collect();
        Self::Write(Write { seen, claim: Claim { row, acts, seen: rest, at } })
    }
}

impl Write {
    /// The row as it is to be.
    pub(super) fn wanted(&self) -> &Rc<Row> {
        &self.claim.row
    }

    /// Whether the row is what this write made of it.
    pub(super) fn made(&self, row: &Rc<Row>) -> bool {
        // In the ledger it is the writer's signature that tells.
        Rc::ptr_eq(row, self.wanted())
    }

    /// Only an insert makes a row's first revision.
    pub(super) fn is_insert(&self) -> bool {
        self.wanted().rev == 1
    }

    /// Another one was first: decides anew, on its row.
    pub(super) fn lost_to(self, there: &Rc<Row>, now: Timestamp) -> Hand {
        let mut seen = self.claim.seen;
        seen.push_front(self.seen);
        Hand::decide(there, seen, now)
    }

    pub(super) fn done(self, now: Timestamp) -> Hand {
        if self.is_insert() { Hand::Ack(self.claim) } else { self.claim.go_on(now) }
    }
}

impl Claim {
    /// An insert that found the row there already has nothing to do but to delete its message.
    pub(super) fn of_nothing(row: &Rc<Row>, at: Timestamp) -> Self {
        Self { row: Rc::clone(row), acts: VecDeque::new(), seen: VecDeque::new(), at }
    }

    /// The first act is done, and this was seen.
    pub(super) fn saw(mut self, seen: Seen, now: Timestamp) -> Hand {
        self.acts.pop_front();
        self.seen.push_back(seen.into());
        self.go_on(now)
    }

    pub(super) fn go_on(self, now: Timestamp) -> Hand {
        match self.acts.is_empty() {
            true => Hand::decide(&self.row, self.seen, now),
            false => Hand::Act(self),
        }
    }
}

fn open(now: Timestamp) -> Situation {
    Situation { now, pool_open: true, forge: Passage::Open }
}
