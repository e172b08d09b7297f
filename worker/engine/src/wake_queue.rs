use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use doorbell_messages::JobKey;
use tokio::sync::Notify;

/// Jobs that another job's end lets go on, in this worker.
///
/// A hint: what is lost with the process is found by the jobs' due times.
#[derive(Debug, Default)]
pub(crate) struct WakeQueue {
    keys: Mutex<VecDeque<JobKey>>,
    pushed: Notify,
}

impl WakeQueue {
    /// Adds a job, once.
    pub(crate) fn push(&self, key: JobKey) {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if !keys.contains(&key) {
            keys.push_back(key);
        }
        self.pushed.notify_one();
    }

    /// Waits for the next job.
    pub(crate) async fn next(&self) -> JobKey {
        loop {
            let pushed = self.pushed.notified();
            if let Some(key) = self.pop() {
                return key;
            }
            pushed.await;
        }
    }

    pub(crate) fn pop(&self) -> Option<JobKey> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}
