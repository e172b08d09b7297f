//! Holds the response of one executed call, so that a test can kill the caller meanwhile.
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

#[derive(Debug)]
pub(super) struct CallHold {
    target: Mutex<Option<(String, u64)>>,
    reached: watch::Sender<bool>,
}

impl CallHold {
    pub(super) fn new() -> Self {
        Self { target: Mutex::default(), reached: watch::Sender::new(false) }
    }

    pub(super) fn set(&self, name: &str, call_index: u64) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = Some((name.to_owned(), call_index));
        self.reached.send_replace(false);
    }

    pub(super) fn matches(&self, name: &str, call_index: u64) -> bool {
        let wanted = self.target.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.as_ref().is_some_and(|(wanted, at)| wanted == name && *at == call_index)
    }

    pub(super) fn mark_reached(&self) {
        self.reached.send_replace(true);
    }

    pub(super) async fn wait_until_reached(&self) {
        // The proxy owns the sender and outlives this.
        let _ = self.reached.subscribe().wait_for(|has_come| *has_come).await;
    }
}
