//! StartBuild's record of idempotency tokens.
use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::error::CodeBuildError;
use super::start_build::StartBuildInput;

/// The tokens of the account's calls, expired ones included until they are used again.
#[derive(Debug, Default)]
pub(super) struct IdempotencyTokens(BTreeMap<String, TokenRecord>);

#[derive(Debug)]
struct TokenRecord {
    call: StartBuildInput,
    at: Timestamp,
    result: StoredResult,
}

/// What the first call with a token returned: the build's id, or the error.
pub(super) type StoredResult = Result<String, CodeBuildError>;

/// The result of looking up a call's token.
pub(super) enum TokenLookup {
    Unknown,
    /// The same call had this result.
    Same(StoredResult),
    /// The token belongs to a call with other parameters.
    Mismatch,
}

impl IdempotencyTokens {
    pub(super) fn look_up(&self, call: &StartBuildInput, lifetime: Duration, now: Timestamp) -> TokenLookup {
        let record = call.idempotency_token.as_ref().and_then(|token| self.0.get(token));
        match record {
            Some(known) if now.duration_since(known.at).unsigned_abs() >= lifetime => TokenLookup::Unknown,
            Some(known) if known.call == *call => TokenLookup::Same(known.result.clone()),
            Some(_) => TokenLookup::Mismatch,
            None => TokenLookup::Unknown,
        }
    }

    /// Records a call's token; a call without a token is not recorded.
    pub(super) fn record(&mut self, call: &StartBuildInput, response: StoredResult, now: Timestamp) {
        if let Some(token) = &call.idempotency_token {
            self.0.insert(token.clone(), TokenRecord { call: call.clone(), at: now, result: response });
        }
    }

    /// Backdates the first use of every token.
    pub(super) fn backdate(&mut self, by: Duration) {
        for record in self.0.values_mut() {
            record.at -= by;
        }
    }

    /// Expires all tokens.
    pub(super) fn expire(&mut self) {
        self.0.clear();
    }
}
