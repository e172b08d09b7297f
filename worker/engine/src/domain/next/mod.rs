mod cancel;
mod received;
mod running;
mod starting;

use doorbell_messages::Status;

use crate::domain::row::{Build, Ending, Phase, Row, Wanted};
use crate::domain::rules::{Rules, SEARCH_AGAIN, SEARCH_BACK, TOKEN_SAFE};
use crate::domain::sight::{Act, Search, Seen, Situation};
use crate::domain::target::Target;
use crate::domain::telling;
use crate::domain::timestamp::Timestamp;

/// What a row becomes, and what is to be done then.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// The row as it is to be written.
    pub row: Row,
    /// Whether it differs from the one that came in.
    pub changed: bool,
    /// What to do once it is written, in this order.
    pub acts: Vec<Act>,
}

/// The one decision of the system. Pure and total: every row can meet everything that can be seen, in any order and
/// any number of times, and what does not concern it leaves it as it is.
pub fn next(row: Row, seen: Seen, situation: Situation, rules: &Rules) -> Step {
    if row.isolated.is_some() {
        return Step { row, changed: false, acts: Vec::new() };
    }
    let before = row.clone();
    let mut job = Job { row, acts: Vec::new(), now: situation.now, pool_open: situation.pool_open, rules };
    job.take_in(seen);
    let told = telling::claim(&mut job.row, situation, rules);
    job.acts.extend(told);
    Step { changed: job.row != before, row: job.row, acts: job.acts }
}

/// A row while it is decided on.
struct Job<'a> {
    row: Row,
    acts: Vec<Act>,
    now: Timestamp,
    pool_open: bool,
    rules: &'a Rules,
}

impl Job<'_> {
    fn take_in(&mut self, seen: Seen) {
        match seen {
            Seen::Woken => self.woken(),
            // Whatever it was told to wait for, its time has come; in any other phase it has nothing to wait for.
            Seen::Turn => self.start_or_end(),
            Seen::Policy(policy) => self.policy(policy),
            Seen::Head { policy, build_project, head } => self.head(&policy, &build_project, head),
            Seen::Sent { attempt, answer } => self.sent(attempt, answer),
            Seen::Searched { asked_at, builds } => self.searched(asked_at, builds),
            Seen::Described { build, claims_final } => self.described(&build, claims_final),
            Seen::NotKnown(build) => self.not_known(&build),
            Seen::Told { claimed, outcome } => telling::heard(&mut self.row, claimed, outcome, self.now),
            Seen::CancelMarked => self.cancel_marked(),
            Seen::LookFailed(reason) => self.look_failed(&reason),
        }
    }

    fn woken(&mut self) {
        if self.row.phase_due.is_none_or(|due| due > self.now) {
            return;
        }
        match &self.row.phase {
            Phase::Received => self.acts.push(Act::ReadPolicy),
            Phase::Accepted { .. } => self.start_or_end(),
            // A job that is to end sends nothing any more: if the send in doubt started a build, the look finds it.
            Phase::Starting { first_sent_at, .. }
                if self.row.wanted == Wanted::Run && self.now.since(*first_sent_at) < TOKEN_SAFE =>
            {
                self.send_again();
            }
            Phase::Starting { launch, first_sent_at, .. } => self.acts.push(Act::SearchBuild(Search {
                build_project: launch.build_project.clone(),
                not_before: *first_sent_at - SEARCH_BACK,
                asked_at: self.now,
            })),
            Phase::Running { build, .. } => {
                let build = build.id.clone();
                self.look_after(build);
            }
            Phase::Finished { .. } | Phase::Rejected { .. } => self.row.phase_due = None,
        }
    }

    fn look_failed(&mut self, reason: &str) {
        match &self.row.phase {
            Phase::Received => self.wait_for("another job's row", reason),
            Phase::Starting { .. } => self.row.phase_due = Some(self.now + SEARCH_AGAIN),
            Phase::Running { since, .. } => {
                self.row.phase_due = Some(self.now + self.rules.look_again(self.now.since(*since)));
            }
            Phase::Accepted { .. } | Phase::Finished { .. } | Phase::Rejected { .. } => {}
        }
    }

    fn finish(&mut self, status: Status, text: String, build: Option<Build>, target: Option<Target>) {
        self.row.note(self.now, format!("{status}: {text}"));
        self.row.telling.afresh();
        self.row.enter(Phase::Finished { ending: Ending { status, text, at: self.now }, build, target }, None);
    }
}
