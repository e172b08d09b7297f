//! From a hint to a row at rest: look, decide, write, act, and again.

use std::collections::VecDeque;

use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::{Instrument, Span, error, info, warn};

use crate::domain::{Act, Row, Seen};
use crate::engine::Engine;
use crate::leave::{Decision, Leave};
use crate::lines::Permit;
use crate::meter;
use crate::ports::{Insert, Ledger, LoadError, PortError, Update, World};

/// Turns that one hint may take. A job's whole life takes about six; more means that two decisions chase each other.
const MOST_TURNS: usize = 40;

/// Times that a write is tried over another worker's.
const MOST_CONFLICTS: usize = 8;

/// A row as it was just written, what it wants done, with whose leave, and since when that is claimed.
pub(crate) struct Claimed {
    pub(crate) row: Row,
    pub(crate) acts: Vec<Act>,
    pub(crate) leave: Leave,
    pub(crate) at: Instant,
}

pub(crate) enum Written {
    Yes,
    /// Another write was first; this is the row now.
    No(Box<Row>),
    /// Nothing is known, or the row is not ours to touch.
    Unknown,
}

/// The log's span of one job.
pub(crate) fn span(row: &Row) -> Span {
    let build = row.build().map(|build| build.id.to_string());
    tracing::info_span!(
        "job",
        job.key = %row.key,
        project = %row.request.project,
        sqs.message_id = tracing::field::Empty,
        build.id = build,
    )
}

impl<W: World> Engine<W> {
    /// Shows a row what was seen, and goes on until it rests. Errors end here: the row's due time brings it back.
    pub(crate) async fn drive(&self, row: Row, seen: Seen) {
        self.drive_with(row, seen, None).await;
    }

    /// As [`Engine::drive`], for a row that was let through a gate.
    pub(crate) async fn drive_with(&self, row: Row, seen: Seen, permit: Option<Permit>) {
        let _hand = self.take_in_hand(&row.key);
        let span = span(&row);
        async {
            let Some(claimed) = self.step(row, seen, permit).await else { return };
            self.go_on(claimed).await;
        }
        .instrument(span)
        .await;
    }

    /// As [`Engine::drive`]; says when the row was shown what was seen, before it does what follows from that.
    pub(crate) async fn drive_and_tell(&self, row: Row, seen: Seen, shown: oneshot::Sender<()>) {
        let _hand = self.take_in_hand(&row.key);
        let span = span(&row);
        async {
            let claimed = self.step(row, seen, None).await;
            // Who asked may be gone, and need not know.
            let _ = shown.send(());
            if let Some(claimed) = claimed {
                self.go_on(claimed).await;
            }
        }
        .instrument(span)
        .await;
    }

    /// As [`Engine::drive`], for a row that was just written together with what it wants done.
    pub(crate) async fn drive_claimed(&self, claimed: Claimed) {
        let _hand = self.take_in_hand(&claimed.row.key);
        self.go_on(claimed).await;
    }

    async fn go_on(&self, claimed: Claimed) {
        let (mut row, mut seen) = self.act(claimed).await;
        for _ in 0..MOST_TURNS {
            let Some(now_seen) = seen.pop_front() else { return };
            let Some(claimed) = self.step(row, now_seen, None).await else { return };
            let (next_row, more) = self.act(claimed).await;
            row = next_row;
            seen.extend(more);
        }
        error!("the job did not come to rest after {MOST_TURNS} turns; its due time brings it back");
    }

    /// Decides and writes, over other workers' writes if need be. None: nothing may be done with the row now.
    pub(crate) async fn step(&self, mut row: Row, seen: Seen, mut permit: Option<Permit>) -> Option<Claimed> {
        for _ in 0..MOST_CONFLICTS {
            let at = Instant::now();
            let Decision { step, leave, waits } = self.decide(&row, &seen, permit.take())?;
            if !step.changed {
                self.line_up(&step.row, waits);
                return Some(Claimed { row: step.row, acts: step.acts, leave, at });
            }
            let mut wanted = step.row;
            wanted.rev = row.rev + 1;
            wanted.writer = self.signature();
            match self.write(&wanted).await {
                Written::Yes => {
                    tell_the_log(&row, &wanted);
                    self.line_up(&wanted, waits);
                    self.tell_of_a_free_place(&row, &wanted);
                    return Some(Claimed { row: wanted, acts: step.acts, leave, at });
                }
                Written::No(there) => row = *there,
                Written::Unknown => return None,
            }
        }
        warn!("the row was written by others {MOST_CONFLICTS} times in a row; its due time brings it back");
        None
    }

    pub(crate) async fn write(&self, row: &Row) -> Written {
        match self.world.ledger().update(std::slice::from_ref(row)).await.pop() {
            Some(Ok(Update::Written)) => return Written::Yes,
            Some(Ok(Update::Conflict)) | None => {}
            Some(Err(error)) => warn!("the ledger did not answer a write: {error}"),
        }
        // A lost reply and a retry inside the SDK look like a conflict with somebody else.
        match self.load(&row.key).await {
            Some(there) if there.writer == row.writer => Written::Yes,
            Some(there) => Written::No(Box::new(there)),
            None => Written::Unknown,
        }
    }

    pub(crate) async fn load(&self, key: &doorbell_messages::JobKey) -> Option<Row> {
        match self.world.ledger().load(std::slice::from_ref(key)).await.pop() {
            Some(Ok(row)) => row,
            Some(Err(error)) => {
                log_load_error(key, &error);
                None
            }
            None => None,
        }
    }

    /// Inserts rows that were never written. A row that is there already is none of this worker's business, unless
    /// this worker wrote it and lost the reply.
    pub(crate) async fn insert(&self, rows: &[Row]) -> Vec<Result<Insert, PortError>> {
        let mut answers = self.world.ledger().insert(rows).await;
        for (row, answer) in rows.iter().zip(&mut answers) {
            if matches!(answer, Ok(Insert::New)) {
                continue;
            }
            if self.load(&row.key).await.is_some_and(|there| there.writer == row.writer) {
                *answer = Ok(Insert::New);
            }
        }
        answers
    }
}

pub(crate) fn log_load_error(key: &doorbell_messages::JobKey, error: &LoadError) {
    match error {
        LoadError::Newer(_) => info!(job.key = %key, "left alone: {error}"),
        LoadError::Corrupt(_) => error!(job.key = %key, "{error}"),
        LoadError::Port(_) => warn!(job.key = %key, "the ledger did not answer: {error}"),
    }
}

/// The trail is the log: what people read in the row, operators read here.
pub(crate) fn tell_the_log(before: &Row, after: &Row) {
    meter::phase_entered(before, after);
    if let Some(build) = after.build().filter(|_| before.build().is_none()) {
        Span::current().record("build.id", build.id.as_str());
    }
    let known = before.trail.last();
    let fresh = after.trail.iter().rev().take_while(|note| Some(*note) != known).count();
    for note in &after.trail[after.trail.len() - fresh..] {
        info!(job.status = %after.status(), "{}", note.text);
    }
}

impl<W: World> Engine<W> {
    async fn act(&self, claimed: Claimed) -> (Row, VecDeque<Seen>) {
        let Claimed { row, acts, mut leave, at } = claimed;
        let mut seen = VecDeque::new();
        for act in &acts {
            seen.extend(self.perform(&row, act, &mut leave, at).await);
        }
        (row, seen)
    }

    async fn perform(&self, row: &Row, act: &Act, leave: &mut Leave, claimed_at: Instant) -> Option<Seen> {
        match act {
            Act::ReadPolicy => {
                Some(Seen::Policy(self.registry.read(self.world.projects(), &row.request.project).await))
            }
            Act::FindHead { policy, build_project, side, git_ref } => Some(Seen::Head {
                policy: policy.clone(),
                build_project: build_project.clone(),
                head: self.find_head(side, git_ref).await,
            }),
            Act::SearchBuild(search) => Some(self.search(search).await),
            Act::Describe(id) => Some(self.describe_one(id).await),
            Act::StartBuild { input, attempt, token, .. } => {
                let answer = self.start(input, token, leave.to_start.take(), claimed_at).await;
                Some(Seen::Sent { attempt: *attempt, answer })
            }
            Act::StopBuild(id) => self.stop(id).await,
            Act::StopSecond { build, running } => self.stop_second(build, *running).await,
            Act::Tell { target, report, claimed } => {
                let outcome = self.tell(target, report, leave.to_tell.take(), claimed_at).await;
                Some(Seen::Told { claimed: *claimed, outcome })
            }
            Act::CancelJob(key) => Some(self.cancel(row, key).await),
        }
    }
}
