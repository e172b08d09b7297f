use super::Driver;
use crate::domain::{Observation, Row};
use crate::ports::Clock;

impl<L, O, C: Clock, E> Driver<L, O, C, E> {
    /// Whether this receipt stays in memory until the row's next write.
    ///
    /// A crash here loses it: the final report is then sent twice if it is due soon.
    pub(super) fn keeps_receipt(&self, row: &Row, observation: &Observation) -> bool {
        self.clock.now().is_some_and(|now| self.receipts.keep(row, observation, now))
    }
}
