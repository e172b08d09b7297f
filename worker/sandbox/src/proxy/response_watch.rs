//! When a text first went to a caller, by this machine's clock.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// Texts to look for in the responses of one call.
#[derive(Debug, Default)]
pub(super) struct ResponseWatch(Mutex<WatchState>);

#[derive(Debug, Default)]
struct WatchState {
    call: String,
    seen: BTreeMap<String, Option<Timestamp>>,
}

impl ResponseWatch {
    /// Looks for this text, too, in the responses of the call of this name.
    pub(super) fn add(&self, call: &str, text: &str) {
        let mut state = self.state();
        state.call = call.to_owned();
        state.seen.insert(text.to_owned(), None);
    }

    /// Notes each text that this response is the first to hold.
    pub(super) fn observe(&self, call: &str, body: &[u8]) {
        let mut state = self.state();
        if state.call != call {
            return;
        }
        let (now, body) = (Timestamp::now(), String::from_utf8_lossy(body));
        let missing = state.seen.iter_mut().filter(|(text, at)| at.is_none() && body.contains(text.as_str()));
        missing.for_each(|(_, at)| *at = Some(now));
    }

    pub(super) fn first_seen(&self, text: &str) -> Option<Timestamp> {
        self.state().seen.get(text).copied().flatten()
    }

    fn state(&self) -> MutexGuard<'_, WatchState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_response_with_the_text_is_noted() {
        let watch = ResponseWatch::default();
        watch.add("Receive", "job-1");
        watch.observe("Receive", b"job-2");
        watch.observe("Send", b"job-1");
        assert_eq!(watch.first_seen("job-1"), None);
        watch.observe("Receive", b"a job-1 b");
        let first = watch.first_seen("job-1");
        assert!(first.is_some());
        watch.observe("Receive", b"job-1");
        assert_eq!((watch.first_seen("job-1"), watch.first_seen("job-2")), (first, None));
    }
}
