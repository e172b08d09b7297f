use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use doorbell_messages::JobKey;

use crate::domain::Row;

/// Rows of one generation. Two generations of rows of 3 kB are 3 MB.
const GENERATION_SIZE: usize = 512;

/// Rows that this process wrote a moment ago, so that its next write of one needs no read.
///
/// A row in here may be out of date, since others may have written it. Its next write then meets a conflict and the row
/// is read: the revision guards it. A decision that writes nothing has no such guard, so that rows for which it matters
/// are not kept: those of an order, whose turn is taken in another item, and those that nothing is left to do for.
///
/// It keeps two generations, and drops the older one when the younger is full.
#[derive(Debug, Default)]
pub(super) struct RecentRows(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<JobKey, Row>,
    old: HashMap<JobKey, Row>,
}

impl RecentRows {
    pub(super) fn get(&self, key: &JobKey) -> Option<Row> {
        self.generations().get(key).cloned()
    }

    /// Keeps a row as it was just written, unless a later write of it came here first.
    pub(super) fn keep(&self, row: &Row) {
        let mut generations = self.generations();
        if generations.get(&row.key).is_some_and(|kept| kept.rev > row.rev) {
            return;
        }
        generations.remove(&row.key);
        if row.settled_at.is_some() || row.quarantined.is_some() || !row.order().is_parallel() {
            return;
        }
        if generations.young.len() >= GENERATION_SIZE {
            generations.old = std::mem::take(&mut generations.young);
        }
        generations.young.insert(row.key.clone(), row.clone());
    }

    pub(super) fn forget(&self, key: &JobKey) {
        self.generations().remove(key);
    }

    fn generations(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    fn get(&self, key: &JobKey) -> Option<&Row> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn remove(&mut self, key: &JobKey) {
        self.young.remove(key);
        self.old.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use doorbell_registry::OrderRule;

    use super::*;
    use crate::domain::Phase;
    use crate::stubs::{NOW, ordered_launch, row};

    #[test]
    fn settled_and_ordered_rows_are_not_kept() {
        let rows = RecentRows::default();
        rows.keep(&row(1));
        assert_eq!(rows.get(&row(1).key), Some(row(1)));
        rows.keep(&Row { rev: 2, ..row(1) });
        rows.keep(&row(1));
        assert_eq!(rows.get(&row(1).key).map(|row| row.rev), Some(2));
        rows.keep(&Row { rev: 3, settled_at: Some(NOW), ..row(1) });
        assert_eq!(rows.get(&row(1).key), None);
        let launch = ordered_launch(OrderRule::Serial);
        rows.keep(&Row { phase: Phase::Accepted { launch, attempt: 1, waiting: None, turn: None }, ..row(1) });
        assert_eq!(rows.get(&row(1).key), None);
    }

    #[test]
    fn rows_are_kept_in_bounded_memory() {
        let rows = RecentRows::default();
        let numbers = || 0..u32::try_from(GENERATION_SIZE).unwrap() * 3;
        numbers().for_each(|number| rows.keep(&row(number)));
        let kept = numbers().filter(|number| rows.get(&row(*number).key).is_some()).count();
        assert_eq!(kept, GENERATION_SIZE * 2);
    }
}
