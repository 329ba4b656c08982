//! The committer's side: everything of a batch in one transaction.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::error::StoreError;
use super::handle::StoreHandle;
use super::open::{self, StoreOptions};
use super::place::{self, Lock};
use super::records::{
    Clocks, Commit, CommitReceipt, HandoffRecord, IncidentRecord, OutboxItem, Position, StateRow, StateRows,
};
use super::register::{Register, put_evidence};
use super::schema::STORE;
use super::{quarantine, read};

/// The store, as the one thread that commits sees it.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
    handle: StoreHandle,
    /// What the quarantine may take, in bytes.
    quarantine_limit: u64,
}

/// What both connections of a process share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Writers of this process queue here instead of polling the file.
    gate: Mutex<()>,
    /// Held until the store and its last handle are gone.
    _lock: Lock,
}

impl Shared {
    pub(super) fn writing(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store {
    /// Opens the store, creating it (for the owner alone) where there is none.
    ///
    /// # Errors
    /// When another process uses it, the key is wrong, or the file is damaged or no store of ours. The
    /// file is then left as it was.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        place::prepare(&options.path)?;
        let mut lock = Lock::take(&options.path)?;
        let connection = open::open(options, &STORE, &mut lock)?;
        let shared = Arc::new(Shared { gate: Mutex::new(()), _lock: lock });
        let handle = StoreHandle::new(shared, open::open_again(options)?);
        Ok(Self { connection, handle, quarantine_limit: quarantine::LIMIT })
    }

    /// The register of this store, for a thread of its own. Whoever holds a store must not open its file in any other way
    /// than through SQLite: closing it would drop all locks of the process.
    ///
    /// # Errors
    /// When the file cannot be opened once more.
    pub fn register(&self, options: &StoreOptions) -> Result<Register, StoreError> {
        open::open_again(options).map(Register::on)
    }

    /// A way in for the other threads of this process. Cheap; keeps the store locked while it lives.
    #[must_use]
    pub fn handle(&self) -> StoreHandle {
        self.handle.clone()
    }

    /// What the quarantine may take from now on, in bytes; 256 MiB unless told otherwise.
    pub const fn limit_quarantine(&mut self, bytes: u64) {
        self.quarantine_limit = bytes;
    }

    /// Writes everything or nothing; when it returns, a power cut does not undo it.
    ///
    /// Handoffs, outbox items and quarantined records that are already there are left as they are, so
    /// that a batch may be committed again after a crash.
    ///
    /// # Errors
    /// When the disk is full or broken, a handoff names an unknown incident, or an outbox item an unknown
    /// handoff.
    pub fn commit(&mut self, commit: &Commit) -> Result<CommitReceipt, StoreError> {
        let _turn = self.handle.shared().writing();
        write_all(&mut self.connection, commit, self.quarantine_limit).map_err(StoreError::sql("commit a batch"))
    }

    /// Every row of the engine's state, ordered by key.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load_state(&self) -> Result<StateRows, StoreError> {
        read::state(&self.connection)
    }

    /// How far each input partition was read, ordered by topic and partition.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn positions(&self) -> Result<Vec<Position>, StoreError> {
        read::positions(&self.connection)
    }

    /// The clocks of an incident; all empty when it is not known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn clocks(&self, incident_id: &str) -> Result<Clocks, StoreError> {
        read::clocks(&self.connection, incident_id)
    }

    /// Whether any handoff of the incident was ever put into this sink's outbox.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn was_queued(&self, sink: &str, incident_id: &str) -> Result<bool, StoreError> {
        read::was_queued(&self.connection, sink, incident_id)
    }
}

fn write_all(connection: &mut Connection, commit: &Commit, limit: u64) -> rusqlite::Result<CommitReceipt> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    write_state(&transaction, &commit.state)?;
    write_positions(&transaction, &commit.positions)?;
    write_incidents(&transaction, &commit.incidents)?;
    put_evidence(&transaction, &commit.evidence)?;
    let quarantined = quarantine::write(&transaction, &commit.quarantine, limit)?;
    quarantine::count(&transaction, &commit.only_counted)?;
    quarantine::note_copies(&transaction, &commit.copies)?;
    let receipt = CommitReceipt {
        handoffs: write_handoffs(&transaction, &commit.handoffs)?,
        outbox: write_outbox(&transaction, &commit.outbox)?,
        quarantined: quarantined.added,
        only_counted: quarantined.only_counted + commit.only_counted.records(),
        cleared: quarantined.cleared,
    };
    transaction.commit()?;
    Ok(receipt)
}

fn write_state(transaction: &Transaction<'_>, rows: &[StateRow]) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO state (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )?;
    let mut delete = transaction.prepare_cached("DELETE FROM state WHERE key = ?1")?;
    for row in rows {
        match &row.value {
            Some(value) => put.execute(params![row.key, value])?,
            None => delete.execute([&row.key])?,
        };
    }
    Ok(())
}

fn write_positions(transaction: &Transaction<'_>, positions: &[Position]) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO positions (topic, partition, next_offset, watermark, last_record) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (topic, partition) DO UPDATE SET
           next_offset = excluded.next_offset,
           watermark = excluded.watermark,
           last_record = excluded.last_record",
    )?;
    for Position { topic, partition, next_offset, watermark, last_record } in positions {
        put.execute(params![topic, partition, next_offset, watermark, last_record])?;
    }
    Ok(())
}

fn write_incidents(transaction: &Transaction<'_>, records: &[IncidentRecord]) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO incidents (incident_id, score, json, ingested_at, flagged_at, surfaced_at, run_id)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (incident_id) DO UPDATE SET
           score = excluded.score,
           json = excluded.json,
           ingested_at = coalesce(incidents.ingested_at, excluded.ingested_at),
           flagged_at = coalesce(incidents.flagged_at, excluded.flagged_at),
           surfaced_at = coalesce(incidents.surfaced_at, excluded.surfaced_at),
           run_id = coalesce(incidents.run_id, excluded.run_id)",
    )?;
    for IncidentRecord { incident, clocks } in records {
        let json = serde_json::to_string(incident)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        put.execute(params![
            incident.incident_id,
            incident.score,
            json,
            clocks.ingested_at.map(|at| at.0),
            clocks.flagged_at.map(|at| at.0),
            clocks.surfaced_at.map(|at| at.0),
            clocks.run_id,
        ])?;
    }
    Ok(())
}

fn write_handoffs(transaction: &Transaction<'_>, handoffs: &[HandoffRecord]) -> rusqlite::Result<usize> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO handoffs (handoff_id, incident_id, sequence, severity, emitted_at, json)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (handoff_id) DO NOTHING",
    )?;
    let mut added = 0;
    for handoff in handoffs {
        added += put.execute(params![
            handoff.handoff_id,
            handoff.incident_id,
            handoff.sequence,
            handoff.severity.name(),
            handoff.emitted_at.0,
            handoff.json,
        ])?;
    }
    Ok(added)
}

fn write_outbox(transaction: &Transaction<'_>, items: &[OutboxItem]) -> rusqlite::Result<usize> {
    // The incident comes along so that the order per incident needs no join; without its handoff the
    // row would have none, and the whole commit fails.
    let mut put = transaction.prepare_cached(
        "INSERT INTO outbox (sink, message_id, handoff_id, incident_id)
         VALUES (?1, ?2, ?3, (SELECT incident_id FROM handoffs WHERE handoff_id = ?3))
         ON CONFLICT (sink, message_id) DO NOTHING",
    )?;
    let mut added = 0;
    for item in items {
        added += put.execute(params![item.sink, item.message_id, item.handoff_id])?;
    }
    Ok(added)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(fill: u8) -> Commit {
        let state = (0..200_u32)
            .map(|number| StateRow { key: number.to_be_bytes().to_vec(), value: Some(vec![fill; 1_000]) })
            .collect();
        let position = Position {
            topic: "ehr.audit".to_owned(),
            partition: 0,
            next_offset: i64::from(fill),
            watermark: 0,
            last_record: None,
        };
        Commit { state, positions: vec![position], ..Commit::default() }
    }

    #[test]
    fn a_full_disk_takes_nothing_and_the_same_commit_when_there_is_room_again() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { path: folder.path().join("store.db"), key: None };
        let mut store = Store::open(&options).unwrap();
        let limit = |store: &Store, pages: i64| {
            let set =
                store.connection.pragma_update_and_check(None, "max_page_count", pages, |row| row.get::<_, i64>(0));
            assert!(set.unwrap() >= 1);
        };
        store.commit(&Commit { state: Vec::new(), ..rows(1) }).unwrap();
        limit(&store, 40);
        let error = store.commit(&rows(2)).unwrap_err();
        assert!(error.may_pass(), "{error}");
        assert!(error.to_string().contains("make room on its disk"), "{error}");
        assert_eq!(store.positions().unwrap()[0].next_offset, 1);
        assert_eq!(store.load_state().unwrap(), []);
        limit(&store, 1_000_000);
        store.commit(&rows(2)).unwrap();
        assert_eq!(store.positions().unwrap()[0].next_offset, 2);
        assert_eq!(store.load_state().unwrap().len(), 200);
    }
}
