//! The embedded store: one SQLite file with the engine's state, the input positions, the incidents,
//! their handoffs and the outbox of every sink.
//!
//! [`Store`] belongs to the engine's committer: one [`Store::commit`] is one transaction, so results,
//! state and positions never disagree after a crash. [`StoreHandle`] is for everybody else in the
//! process (sinks, the demo's table, health checks): cheap to clone, safe to use from any thread. All
//! SQL of the crate stands here.

mod commit;
mod error;
mod handle;
mod open;
mod outbox;
mod place;
mod read;
mod records;
mod schema;

pub use commit::Store;
pub use error::StoreError;
pub use handle::StoreHandle;
pub use open::{StoreKey, StoreOptions};
pub use records::{
    Clocks, Commit, CommitReceipt, DeadLetter, HandoffRecord, IncidentRecord, OutboxDepth, OutboxEntry, OutboxItem,
    OutboxMarks, Position, QuarantineRecord, StateRow, StateRows,
};
