//! Holds one call or its response, so that a test can kill the caller meanwhile.
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

#[derive(Debug)]
pub(super) struct CallHold {
    target: Mutex<Option<HeldCall>>,
    reached: watch::Sender<bool>,
}

#[derive(Debug)]
struct HeldCall {
    name: String,
    /// A text in its body.
    text: String,
    /// The calls like it that come before.
    calls_before: u64,
    side: HeldSide,
}

/// On which side of the server a call is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeldSide {
    /// The server never gets it.
    Request,
    /// The server executes it, and its caller gets no response.
    Response,
}

impl CallHold {
    pub(super) fn new() -> Self {
        Self { target: Mutex::default(), reached: watch::Sender::new(false) }
    }

    pub(super) fn set(&self, side: HeldSide, name: &str, text: &str, calls_before: u64) {
        let call = HeldCall { name: name.to_owned(), text: text.to_owned(), calls_before, side };
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = Some(call);
        self.reached.send_replace(false);
    }

    /// Counts a call. Where to hold it, for the one to hold; no other one is held after it.
    pub(super) fn takes(&self, name: &str, body: &[u8]) -> Option<HeldSide> {
        let mut target = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        let is_like = |call: &&mut HeldCall| call.name == name && String::from_utf8_lossy(body).contains(&call.text);
        let call = target.as_mut().filter(is_like)?;
        if call.calls_before == 0 {
            return target.take().map(|call| call.side);
        }
        call.calls_before -= 1;
        None
    }

    pub(super) fn mark_reached(&self) {
        self.reached.send_replace(true);
    }

    pub(super) async fn wait_until_reached(&self) {
        // The proxy owns the sender and outlives this.
        let _ = self.reached.subscribe().wait_for(|has_come| *has_come).await;
    }
}
