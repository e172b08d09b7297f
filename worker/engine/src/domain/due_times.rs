//! When a row is due: the earliest of its phase, its reports and its done event.

use crate::domain::row::Row;
use crate::domain::timestamp::Timestamp;

impl Row {
    /// When the sweep processes the row; none once it is settled or quarantined.
    pub fn due_at(&self) -> Option<Timestamp> {
        let reports = self.reports.iter().map(|entry| entry.notification.due_at);
        let done_event = self.done_event.as_ref().and_then(|state| state.due_at);
        reports.chain([self.phase_due_at, done_event]).flatten().min()
    }

    /// Sets the due times of phase, reports and done event back to those of an earlier state of this row.
    pub(crate) fn restore_due_times(&mut self, before: &Self) {
        self.phase_due_at = before.phase_due_at;
        for (entry, earlier) in self.reports.iter_mut().zip(&before.reports) {
            entry.notification.due_at = earlier.notification.due_at;
        }
        if let (Some(state), Some(earlier)) = (&mut self.done_event, &before.done_event) {
            state.due_at = earlier.due_at;
        }
    }

    /// The due times of phase, reports and done event, to change them alike.
    pub(crate) fn due_times_mut(&mut self) -> impl Iterator<Item = &mut Option<Timestamp>> {
        let reports = self.reports.iter_mut().map(|entry| &mut entry.notification.due_at);
        let done_event = self.done_event.iter_mut().map(|state| &mut state.due_at);
        reports.chain(done_event).chain([&mut self.phase_due_at])
    }
}
