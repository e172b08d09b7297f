//! What StartBuild remembers of idempotency tokens.
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::refusal::Refusal;
use super::start_build::StartBuild;

/// The tokens of the account's calls, expired ones included until they are used again.
#[derive(Debug, Default)]
pub(super) struct Tokens(BTreeMap<String, Remembered>);

#[derive(Debug)]
struct Remembered {
    call: StartBuild,
    at: Timestamp,
    answer: Answer,
}

/// What the first call with a token got.
pub(super) type Answer = Result<BuildId, Refusal>;
type BuildId = String;

/// What a token says about a call.
pub(super) enum Seen {
    Never,
    /// The same call was answered like this.
    Before(Answer),
    /// It belongs to a call with other parameters.
    Elsewhere,
}

impl Tokens {
    pub(super) fn look_up(&self, call: &StartBuild, life: Duration, now: Timestamp) -> Seen {
        let remembered = call.idempotency_token.as_ref().and_then(|token| self.0.get(token));
        match remembered {
            Some(known) if now.duration_since(known.at).unsigned_abs() >= life => Seen::Never,
            Some(known) if known.call == *call => Seen::Before(known.answer.clone()),
            Some(_) => Seen::Elsewhere,
            None => Seen::Never,
        }
    }

    /// A call without a token leaves nothing behind.
    pub(super) fn remember(&mut self, call: &StartBuild, answer: Answer, now: Timestamp) {
        if let Some(token) = &call.idempotency_token {
            self.0.insert(token.clone(), Remembered { call: call.clone(), at: now, answer });
        }
    }

    /// As if each had been used that much earlier.
    pub(super) fn age(&mut self, by: Duration) {
        for remembered in self.0.values_mut() {
            remembered.at -= by;
        }
    }

    /// As if their life were over.
    pub(super) fn expire(&mut self) {
        self.0.clear();
    }
}
