use std::time::Duration;

use doorbell_messages::Status;
use serde::{Deserialize, Serialize};

use crate::domain::backoff;
use crate::domain::outcome::one_line;
use crate::domain::report::Report;
use crate::domain::row::{Phase, Row};
use crate::domain::rules::{LEASE, QUEUED_AFTER, Rules, SEND_WITHIN, TELL_AGAIN, TELL_FOR};
use crate::domain::sight::{Act, Passage, Situation, TellSeen};
use crate::domain::timestamp::Timestamp;

/// What the forge was told of a job, what may be on its way to it, and when it is told next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Telling {
    /// A telling that was claimed and has no known outcome yet: one per job at a time.
    pub under_way: Option<Told>,
    /// The latest status that the forge is known to have.
    pub told: Option<Told>,
    /// Whether a telling of a status that was not final may still arrive at the forge, over whatever it has then.
    pub doubt: bool,
    /// When the latest such telling was claimed. None in rows of workers that did not keep it: then the doubt is as
    /// young as can be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt_since: Option<Timestamp>,
    /// Whether the final status was told once more because of it.
    pub repeated: bool,
    /// Tries of the present status.
    pub tries: u32,
    /// How many of them the forge said it can't store.
    pub contended: u32,
    /// Why the forge will never take it.
    pub undeliverable: Option<String>,
    /// Not before this.
    pub not_before: Option<Timestamp>,
    /// When telling wants to be looked at.
    pub due: Option<Timestamp>,
}

/// A status, and when it was claimed or taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The status.
    pub status: Status,
    /// When.
    pub at: Timestamp,
}

impl Telling {
    /// A new status is told at once: the back-off of the one before it is not its own.
    pub(super) fn afresh(&mut self) {
        self.tries = 0;
        self.contended = 0;
        self.not_before = None;
    }

    fn doubt_the_outcome_of(&mut self, claimed: Told) {
        if !claimed.status.is_final() {
            self.doubt = true;
            self.doubt_since = Some(claimed.at);
        }
    }
}

/// The longest wait that a forge may ask for.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// So long after its claim a telling has arrived or never will: it was sent within the claim's leave.
const ARRIVED: Duration = SEND_WITHIN.saturating_add(TELL_AGAIN);

/// Tries of a status that the forge says it can't store, before that is believed: eight parallel posts of one flag
/// got one 200 and seven `400 EDBERROR` from a Pagure on PostgreSQL.
const MOST_CONTENDED: u32 = 6;

/// Takes in what came of a telling. One that this row no longer knows of (its lease ran out, and it was claimed
/// again) changes nothing.
///
/// The time alone would not tell two claims apart: workers' clocks differ, and one may claim the next status in the same
/// millisecond of its own.
pub(super) fn heard(row: &mut Row, claimed: Told, outcome: TellSeen, now: Timestamp) {
    if row.telling.under_way != Some(claimed) {
        return;
    }
    let is_given_up = row.ended_at().is_some_and(|ended| now.since(ended) > TELL_FOR);
    let telling = &mut row.telling;
    telling.under_way = None;
    telling.tries += 1;
    let wait = backoff::TELLING.wait(row.key.as_str(), telling.tries);
    match outcome {
        TellSeen::Delivered => {
            let already_final = telling.told.is_some_and(|told| told.status.is_final());
            telling.repeated = already_final && claimed.status.is_final();
            if claimed.status.is_final() && telling.doubt_since.is_some_and(|at| claimed.at.since(at) >= ARRIVED) {
                // Whatever was on its way has arrived before this one: that is as good as having told it twice.
                telling.doubt = false;
            }
            telling.told = Some(Told { status: claimed.status, at: now });
            telling.afresh();
            row.note(now, format!("told the forge: {}", claimed.status));
        }
        TellSeen::Refused { reason, .. } | TellSeen::Contended(reason) | TellSeen::Unknown(reason) if is_given_up => {
            give_up(row, now, claimed.status, &format!("not in {} days: {reason}", TELL_FOR.as_secs() / 86_400));
        }
        TellSeen::Refused { reason, retry_after } => {
            let asked = retry_after.map(|seconds| Duration::from_secs(seconds.into()).min(MOST_RETRY_AFTER));
            telling.not_before = Some(now + asked.unwrap_or_default().max(wait));
            note_first_try(row, now, &format!("the forge did not take {}: {reason}", claimed.status));
        }
        TellSeen::Contended(reason) if telling.contended + 1 >= MOST_CONTENDED => {
            give_up(row, now, claimed.status, &reason);
        }
        TellSeen::Contended(reason) => {
            telling.contended += 1;
            telling.not_before = Some(now + wait);
            note_first_try(row, now, &format!("the forge did not take {}: {reason}", claimed.status));
        }
        TellSeen::Unknown(reason) => {
            telling.doubt_the_outcome_of(claimed);
            telling.not_before = Some(now + wait);
            note_first_try(row, now, &format!("it is not known whether the forge took {}: {reason}", claimed.status));
        }
        TellSeen::Undeliverable(reason) => give_up(row, now, claimed.status, &reason),
    }
}

fn give_up(row: &mut Row, now: Timestamp, status: Status, reason: &str) {
    let reason = one_line(reason);
    row.note(now, format!("the forge will never take {status}: {reason}"));
    row.telling.undeliverable = Some(reason);
}

/// A forge that is down for a day must not fill the trail.
fn note_first_try(row: &mut Row, now: Timestamp, text: &str) {
    if row.telling.tries == 1 {
        row.note(now, one_line(text));
    }
}

/// Claims the telling that is owed now, or sets when to look again; settles a row that owes nothing more.
pub(super) fn claim(row: &mut Row, situation: Situation, rules: &Rules) -> Option<Act> {
    let now = situation.now;
    row.telling.due = None;
    if row.settled_at.is_some() {
        return None;
    }
    let is_over = matches!(row.phase, Phase::Finished { .. } | Phase::Rejected { .. });
    let target = row.target().cloned();
    let Some(target) = target.filter(|_| row.telling.undeliverable.is_none()) else {
        if is_over {
            settle(row, now);
        }
        return None;
    };
    if let Some(claimed) = row.telling.under_way {
        if now.since(claimed.at) < LEASE {
            // Its teller lives: told of the row's change by its own conflicting write, it goes on from there.
            row.telling.due = Some(claimed.at + LEASE);
            return None;
        }
        row.telling.under_way = None;
        row.telling.doubt_the_outcome_of(claimed);
    }
    match owed(row, now) {
        Owed::Nothing if is_over => {
            settle(row, now);
            None
        }
        Owed::Nothing => None,
        Owed::At(due) => {
            row.telling.due = Some(due);
            None
        }
        Owed::Now if situation.forge != Passage::Open => {
            let waits = if situation.forge == Passage::Busy { backoff::IN_LINE } else { backoff::FORGE_DOWN };
            row.telling.due = Some(now + waits.wait(row.key.as_str(), row.telling.tries + 1));
            None
        }
        Owed::Now => {
            let report = Report::of(row, rules);
            let claimed = Told { status: report.status, at: now };
            row.telling.under_way = Some(claimed);
            row.telling.due = Some(now + LEASE);
            Some(Act::Tell { target, report, claimed })
        }
    }
}

enum Owed {
    Nothing,
    Now,
    At(Timestamp),
}

fn owed(row: &Row, now: Timestamp) -> Owed {
    let status = row.status();
    let telling = &row.telling;
    let told = telling.told.map(|told| told.status);
    let at = if told != Some(status) {
        match status {
            // Never backwards: a row that has lost its build again (an attempt that is repeated) stays "running".
            Status::Queued if told.is_some() => return Owed::Nothing,
            Status::Queued => row.received_at + QUEUED_AFTER,
            _ => now,
        }
    } else if status.is_final() && telling.doubt && !telling.repeated {
        telling.told.map_or(now, |told| told.at + TELL_AGAIN)
    } else {
        return Owed::Nothing;
    };
    match telling.not_before.map_or(at, |not_before| not_before.max(at)) {
        at if at <= now => Owed::Now,
        at => Owed::At(at),
    }
}

fn settle(row: &mut Row, now: Timestamp) {
    row.phase_due = None;
    row.telling.due = None;
    row.settled_at = Some(now);
}
