//! The embedded store: one SQLite file with the engine's state, the input positions, the incidents,
//! their handoffs, the outbox of every sink, and the case register with its ledger.
//!
//! [`Store`] belongs to the engine's committer: one [`Store::commit`] is one transaction, so results,
//! state and positions never disagree after a crash. [`StoreHandle`] is for everybody else in the
//! process (sinks, the demo's table, health checks): cheap to clone, safe to use from any thread.
//! [`Register`] and [`QuarantineDesk`] are for people's commands, also beside a running daemon. [`Spool`] is a second file that
//! keeps what was taken in and is not yet decided. [`Look`], [`Draft`], [`Restore`] and [`rekey`] are for whoever looks after
//! the files. All SQL of the crate stands here.

mod commit;
mod draft;
mod error;
mod handle;
mod look;
mod open;
mod outbox;
mod pen;
mod place;
mod quarantine;
mod read;
mod records;
mod register;
mod rekey;
mod restore;
mod schema;
mod size;
mod spool;

pub use commit::Store;
pub use draft::Draft;
pub use error::StoreError;
pub use handle::StoreHandle;
pub use look::{Look, Size, Watch};
pub use open::{StoreKey, StoreOptions};
pub use pen::Pen;
pub use quarantine::{
    Handled, OnlyCounted, Overflow, QuarantineDesk, QuarantineRecord, Quarantined, RecordId, Standing, Wanted,
};
pub use records::{
    BulletinRecord, Clocks, Commit, CommitReceipt, DeadLetter, HandoffRecord, IncidentRecord, OutboxDepth, OutboxEntry,
    OutboxItem, OutboxMarks, Position, StateRow, StateRows,
};
pub use register::{EvidenceRow, Found, Register};
pub use rekey::rekey;
pub use restore::Restore;
pub use size::{Disk, disk_of, file_sizes};
pub use spool::{Backlog, Spool, SpoolState, Spooled, state as spool_state};
