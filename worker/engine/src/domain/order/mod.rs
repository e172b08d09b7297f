//! The order of jobs of one ref: the lock item of a scope, and the steps of a turn.

mod item;
mod turn;
mod wait;

pub use item::{BuiltJob, OrderItem, OrderScope, OrderedJob, QueuePosition};
pub use turn::TurnOutcome;
pub(crate) use turn::{MAX_CANDIDATES, Turn};
pub use wait::TurnWait;
