use std::rc::Rc;
use std::time::Duration;

use doorbell_messages::Status;

use super::worker_model::{PendingWrite, WorkerState, observed_build};
use crate::domain::tests::{START, mins};
use crate::domain::{ProviderBuild, Receipt, Row, Timestamp};

/// CodeBuild honours a token for so long.
const TOKEN_LIFE: Duration = Duration::from_secs(5 * 60);

/// A build takes any time up to this: long enough for a query while it runs.
const MAX_BUILD_TIME: Duration = Duration::from_secs(70);

/// Some hours are all that the marks are made for.
const MAX_MODEL_TIME: Duration = mins(20 * 60);

#[derive(Debug, Clone)]
pub(super) struct Model {
    /// How much may still go wrong: crashes, lost replies, late arrivals, refusals, pauses.
    pub(super) faults: u32,
    /// Whether workers know the project's policy when its message comes.
    pub(super) knows_policy: bool,
    pub(super) now: Timestamp,
    pub(super) row: Option<Rc<Row>>,
    /// Copies of the message that no worker has deleted.
    pub(super) message_copies: u32,
    pub(super) builds: Vec<ModelBuild>,
    pub(super) is_complete: bool,
    /// What the forge shows.
    pub(super) flag: Option<Status>,
    /// Whether a worker sent it a final status.
    pub(super) final_reported: bool,
    pub(super) delayed: Option<DelayedCall>,
    pub(super) workers: [ModelWorker; 2],
    pub(super) violation: Option<&'static str>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct ModelWorker {
    pub(super) state: WorkerState,
    /// A receipt that only this worker knows.
    pub(super) kept: Option<Receipt>,
    /// Time passes without it.
    pub(super) is_paused: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ModelBuild {
    pub(super) token: String,
    pub(super) at: Timestamp,
}

/// A request on its way, of a sender that waits no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DelayedCall {
    Start { token: String, until: Timestamp },
    Flag { status: Status, until: Timestamp },
}

impl Model {
    /// A request was published, and SQS hands it out twice.
    pub(super) fn new(faults: u32, knows_policy: bool) -> Self {
        Self {
            faults,
            knows_policy,
            now: START,
            row: None,
            message_copies: 2,
            builds: Vec::new(),
            is_complete: false,
            flag: None,
            final_reported: false,
            delayed: None,
            workers: Default::default(),
            violation: None,
        }
    }

    /// What must be so at any time.
    pub(super) fn check_invariants(&self) -> Result<(), &'static str> {
        if let Some(broken) = self.violation {
            return Err(broken);
        }
        if self.builds.len() > 1 {
            return Err("a second build");
        }
        let Some(row) = &self.row else { return Ok(()) };
        if row.status().is_final() && !(row.status() == Status::Success && self.is_complete) {
            return Err("the job is said to have ended as its build has not");
        }
        if row.settled_at.is_some() && self.delayed.is_none() && self.flag != Some(Status::Success) {
            return Err("settled, and the forge does not show how the build ended");
        }
        if row.settled_at.is_none() && row.due_at().is_none() {
            return Err("no worker will process the row again");
        }
        if self.now.duration_since(START) > MAX_MODEL_TIME {
            return Err("it lasts longer than the marks are made for");
        }
        Ok(())
    }

    pub(super) fn is_over(&self) -> bool {
        let is_settled = self.row.as_ref().is_some_and(|row| row.settled_at.is_some());
        let is_idle = self.workers.iter().all(|worker| matches!(worker.state, WorkerState::Idle));
        is_settled && is_idle && self.message_copies == 0 && self.delayed.is_none()
    }

    /// A write as the ledger does it: on the condition of its revision. False: it was refused.
    pub(super) fn write_row(&mut self, write: &PendingWrite) -> bool {
        let current_rev = self.row.as_ref().map_or(0, |row| row.rev);
        let is_next = write.next_row().rev == current_rev + 1;
        if is_next {
            self.row = Some(Rc::clone(write.next_row()));
        }
        is_next
    }

    /// The receipt that only this worker knows, as long as the row has its claim.
    pub(super) fn kept(&self, worker: usize) -> Option<Receipt> {
        let is_claimed = |receipt: &Receipt| {
            let row = self.row.as_ref();
            row.is_some_and(|row| row.reports[receipt.entry].notification.in_flight == Some(receipt.claim))
        };
        self.workers[worker].kept.filter(is_claimed)
    }

    /// StartBuild as the provider does it: a token that it remembers brings the build that it brought before.
    pub(super) fn start_build(&mut self, token: &str) {
        let now = self.now;
        let is_known = |build: &ModelBuild| build.token == token && now.duration_since(build.at) < TOKEN_LIFE;
        if !self.builds.iter().any(is_known) {
            self.builds.push(ModelBuild { token: token.to_owned(), at: now });
        }
    }

    pub(super) fn build(&self) -> ProviderBuild {
        observed_build(self.builds.first().map(|build| build.at), self.is_complete)
    }

    /// A status is sent to the forge. What was sent before may still come after it.
    pub(super) fn send_status(&mut self, status: Status) {
        if self.final_reported && !status.is_final() {
            self.violation = Some("a status is reported after the final one");
        }
        self.final_reported |= status.is_final();
    }

    pub(super) fn report_status(&mut self, status: Status) {
        self.send_status(status);
        self.flag = Some(status);
    }

    /// Time passes only where nothing has to happen first: a worker's next step unless it is paused, a build's end, a
    /// late arrival.
    pub(super) fn can_wait_until(&self, deadline: Timestamp) -> bool {
        let late = match self.delayed {
            Some(DelayedCall::Start { until, .. } | DelayedCall::Flag { until, .. }) => deadline < until,
            None => true,
        };
        late && (self.is_complete
            || self.builds.iter().all(|build| deadline.duration_since(build.at) <= MAX_BUILD_TIME))
    }
}
