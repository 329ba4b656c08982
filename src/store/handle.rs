//! Everybody else's side: reading, and marking what the sinks took.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::commit::Shared;
use super::error::StoreError;
use super::quarantine::{self, QuarantineRecord};
use super::records::{Clocks, DeadLetter, HandoffRecord, OutboxDepth, OutboxEntry, OutboxMarks, Position};
use super::{outbox, read};
use crate::model::incident::Incident;
use crate::model::time::Timestamp;

/// A way into the store for any thread of the process; see [`super::Store::handle`].
///
/// It reads what was committed last, also while a commit is being written. Every method blocks for as
/// long as the disk takes: call it from `spawn_blocking` in asynchronous code.
///
/// Each method fails when the file cannot be read or written.
#[derive(Clone, Debug)]
pub struct StoreHandle {
    connection: Arc<Mutex<Connection>>,
    shared: Arc<Shared>,
}

impl StoreHandle {
    pub(super) fn new(shared: Arc<Shared>, connection: Connection) -> Self {
        Self { connection: Arc::new(Mutex::new(connection)), shared }
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.shared
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write<T>(&self, work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut connection = self.connection();
        let _turn = self.shared.writing();
        work(&mut connection).map_err(StoreError::sql("mark a message"))
    }

    /// How far each input partition was read.
    pub fn positions(&self) -> Result<Vec<Position>, StoreError> {
        read::positions(&self.connection())
    }

    /// The clocks of an incident; all empty when it is not known.
    pub fn clocks(&self, incident_id: &str) -> Result<Clocks, StoreError> {
        read::clocks(&self.connection(), incident_id)
    }

    /// Every incident as it stands, highest score first, ties by id.
    pub fn incidents(&self) -> Result<Vec<Incident>, StoreError> {
        read::incidents(&self.connection())
    }

    /// Every handoff in order of emission: event time, then incident id, then sequence.
    pub fn handoffs(&self) -> Result<Vec<HandoffRecord>, StoreError> {
        read::handoffs(&self.connection())
    }

    /// The newest handoff of each incident that has one, in the order of [`Self::incidents`].
    pub fn latest_handoffs(&self) -> Result<Vec<HandoffRecord>, StoreError> {
        read::latest_handoffs(&self.connection())
    }

    /// The first `limit` records that could not be used, by topic, partition and offset.
    pub fn quarantine(&self, limit: u32) -> Result<Vec<QuarantineRecord>, StoreError> {
        quarantine::read(&self.connection(), limit)
    }

    /// How many records that could not be used are kept and not dealt with, by reason. Reads the whole table.
    pub fn quarantine_counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        read::quarantine_counts(&self.connection())
    }

    /// The messages of a sink that are due, oldest first; of each incident only the oldest waiting one,
    /// so that its order survives any failure.
    pub fn outbox_pending(&self, sink: &str, due: Timestamp, limit: usize) -> Result<Vec<OutboxEntry>, StoreError> {
        outbox::pending(&self.connection(), sink, due, limit)
    }

    /// The earliest instant at which the sink has something to send; `None` when nothing waits.
    pub fn outbox_next_due(&self, sink: &str) -> Result<Option<Timestamp>, StoreError> {
        outbox::next_due(&self.connection(), sink)
    }

    /// Writes what became of a batch, all of it or nothing.
    pub fn outbox_mark(&self, marks: &OutboxMarks) -> Result<(), StoreError> {
        self.write(|connection| outbox::mark(connection, marks))
    }

    /// The sink took these.
    pub fn outbox_delivered(&self, ids: &[i64]) -> Result<(), StoreError> {
        self.outbox_mark(&OutboxMarks { delivered: ids.to_vec(), ..OutboxMarks::default() })
    }

    /// The sink did not take this one; try again from `next_attempt_at`.
    pub fn outbox_failed(&self, id: i64, error: &str, next_attempt_at: Timestamp) -> Result<(), StoreError> {
        let failed = vec![(id, error.to_owned(), next_attempt_at)];
        self.outbox_mark(&OutboxMarks { failed, ..OutboxMarks::default() })
    }

    /// The sink refuses this one for good; it is kept with the reason.
    pub fn outbox_dead(&self, id: i64, reason: &str) -> Result<(), StoreError> {
        self.outbox_mark(&OutboxMarks { dead: vec![(id, reason.to_owned())], ..OutboxMarks::default() })
    }

    /// What the sink refused for good, oldest first.
    pub fn dead_letters(&self, sink: &str) -> Result<Vec<DeadLetter>, StoreError> {
        outbox::dead_letters(&self.connection(), sink)
    }

    /// Lets every dead letter of the sink wait again; returns how many.
    pub fn requeue_dead(&self, sink: &str) -> Result<usize, StoreError> {
        self.write(|connection| outbox::requeue(connection, sink))
    }

    /// How much waits for each sink that has anything waiting or dead.
    pub fn outbox_depths(&self) -> Result<Vec<OutboxDepth>, StoreError> {
        outbox::depths(&self.connection())
    }
}
