//! One call that is carried out and whose answer never comes: the moment at which a test kills the caller.
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

#[derive(Debug)]
pub(super) struct Hold {
    wanted: Mutex<Option<(String, u64)>>,
    has_come: watch::Sender<bool>,
}

impl Hold {
    pub(super) fn new() -> Self {
        Self { wanted: Mutex::default(), has_come: watch::Sender::new(false) }
    }

    pub(super) fn set(&self, name: &str, turn: u64) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Some((name.to_owned(), turn));
        self.has_come.send_replace(false);
    }

    pub(super) fn is_for(&self, name: &str, turn: u64) -> bool {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        wanted.as_ref().is_some_and(|(wanted, at)| wanted == name && *at == turn)
    }

    pub(super) fn come(&self) {
        self.has_come.send_replace(true);
    }

    pub(super) async fn until_come(&self) {
        // The sender is the proxy's own and outlives this.
        let _ = self.has_come.subscribe().wait_for(|has_come| *has_come).await;
    }
}
