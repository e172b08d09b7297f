use std::rc::Rc;
use std::time::Duration;

use doorbell_messages::Status;

use super::hand::{Hand, Write, build_seen};
use crate::domain::tests::{START, mins};
use crate::domain::{ProviderBuild, Row, Timestamp};

/// CodeBuild honours a token for so long.
const TOKEN_LIFE: Duration = Duration::from_secs(5 * 60);

/// A build takes any time up to this: long enough for a look at it while it runs.
const LONGEST_BUILD: Duration = Duration::from_secs(70);

/// Some hours are all that the marks are made for.
const LONGEST: Duration = mins(20 * 60);

#[derive(Debug, Clone)]
pub(super) struct World {
    /// How much may still go wrong: crashes, lost replies, late arrivals, refusals, pauses.
    pub(super) faults: u32,
    /// Whether workers know the project's policy when its message comes.
    pub(super) knows_policy: bool,
    pub(super) now: Timestamp,
    pub(super) row: Option<Rc<Row>>,
    /// Copies of the message that nobody has deleted.
    pub(super) copies: u32,
    pub(super) builds: Vec<Started>,
    pub(super) is_complete: bool,
    /// What the forge shows.
    pub(super) flag: Option<Status>,
    /// Whether anybody sent it a final status.
    pub(super) is_told: bool,
    pub(super) late: Option<Late>,
    pub(super) workers: [Worker; 2],
    pub(super) broken: Option<&'static str>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Worker {
    pub(super) hand: Hand,
    /// Time passes without it.
    pub(super) is_paused: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Started {
    pub(super) token: String,
    pub(super) at: Timestamp,
}

/// A request on its way, of a sender that waits no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Late {
    Start { token: String, until: Timestamp },
    Flag { status: Status, until: Timestamp },
}

impl World {
    /// A request was published, and SQS hands it out twice.
    pub(super) fn new(faults: u32, knows_policy: bool) -> Self {
        Self {
            faults,
            knows_policy,
            now: START,
            row: None,
            copies: 2,
            builds: Vec::new(),
            is_complete: false,
            flag: None,
            is_told: false,
            late: None,
            workers: Default::default(),
            broken: None,
        }
    }

    /// What must be so at any time.
    pub(super) fn holds(&self) -> Result<(), &'static str> {
        if let Some(broken) = self.broken {
            return Err(broken);
        }
        if self.builds.len() > 1 {
            return Err("a second build");
        }
        let Some(row) = &self.row else { return Ok(()) };
        if row.status().is_final() && !(row.status() == Status::Success && self.is_complete) {
            return Err("the job is said to have ended as its build has not");
        }
        if row.settled_at.is_some() && self.late.is_none() && self.flag != Some(Status::Success) {
            return Err("settled, and the forge does not show how the build ended");
        }
        if row.settled_at.is_none() && row.due_at().is_none() {
            return Err("nobody will ever look at the row again");
        }
        if self.now.since(START) > LONGEST {
            return Err("it lasts longer than the marks are made for");
        }
        Ok(())
    }

    pub(super) fn is_over(&self) -> bool {
        let is_settled = self.row.as_ref().is_some_and(|row| row.settled_at.is_some());
        let is_idle = self.workers.iter().all(|worker| matches!(worker.hand, Hand::Idle));
        is_settled && is_idle && self.copies == 0 && self.late.is_none()
    }

    /// A write as the ledger does it: on the condition of its revision. False: it was refused.
    pub(super) fn put(&mut self, write: &Write) -> bool {
        let there = self.row.as_ref().map_or(0, |row| row.rev);
        let is_next = write.wanted().rev == there + 1;
        if is_next {
            self.row = Some(Rc::clone(write.wanted()));
        }
        is_next
    }

    /// StartBuild as the provider does it: a token that it remembers brings the build that it brought before.
    pub(super) fn start(&mut self, token: &str) {
        let now = self.now;
        let is_known = |build: &Started| build.token == token && now.since(build.at) < TOKEN_LIFE;
        if !self.builds.iter().any(is_known) {
            self.builds.push(Started { token: token.to_owned(), at: now });
        }
    }

    pub(super) fn build(&self) -> ProviderBuild {
        build_seen(self.builds.first().map(|build| build.at), self.is_complete)
    }

    /// A status is sent to the forge. What was sent before may still come after it.
    pub(super) fn send(&mut self, status: Status) {
        if self.is_told && !status.is_final() {
            self.broken = Some("a status is told after the final one");
        }
        self.is_told |= status.is_final();
    }

    pub(super) fn tell(&mut self, status: Status) {
        self.send(status);
        self.flag = Some(status);
    }

    /// Time passes only where nothing has to happen first: a worker's next step unless it is paused, a build's end, a
    /// late arrival.
    pub(super) fn can_wait_until(&self, then: Timestamp) -> bool {
        let late = match self.late {
            Some(Late::Start { until, .. } | Late::Flag { until, .. }) => then < until,
            None => true,
        };
        late && (self.is_complete || self.builds.iter().all(|build| then.since(build.at) <= LONGEST_BUILD))
    }
}
