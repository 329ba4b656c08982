//! The tables, and how an older file gets them.

use rusqlite::{Connection, TransactionBehavior};

use super::error::StoreError;
use super::quarantine::BOUNDED_AND_HANDLED;

/// What a file of ours looks like.
#[derive(Debug)]
pub(super) struct Layout {
    /// Marks the file, see <https://sqlite.org/fileformat2.html#application_id>.
    pub(super) application_id: i64,
    /// Each step takes a file from layout `n` (its place here) to `n + 1`. A released step never changes.
    pub(super) migrations: &'static [&'static str],
}

/// The store (`CHSE`).
pub(super) const STORE: Layout = Layout {
    application_id: 0x4348_5345,
    migrations: &[INCIDENTS_AND_OUTBOX, REGISTER, EVIDENCE_OF_TWO_SOURCES, LAST_RECORDS, BOUNDED_AND_HANDLED],
};

/// Messages that were taken in and are not yet part of the store (`CHSP`).
pub(super) const SPOOL: Layout = Layout { application_id: 0x4348_5350, migrations: &[MESSAGES] };

const MESSAGES: &str = "
CREATE TABLE messages (
  sequence    INTEGER PRIMARY KEY,
  source      TEXT    NOT NULL,
  received_at INTEGER NOT NULL,
  fault       TEXT,
  body        BLOB    NOT NULL
) STRICT;

-- one row: messages before it are part of the store and gone from here
CREATE TABLE released (until INTEGER NOT NULL) STRICT;
INSERT INTO released VALUES (0);
";

const INCIDENTS_AND_OUTBOX: &str = "
CREATE TABLE state (
  key   BLOB PRIMARY KEY NOT NULL,
  value BLOB NOT NULL
) STRICT;

CREATE TABLE positions (
  topic       TEXT    NOT NULL,
  partition   INTEGER NOT NULL,
  next_offset INTEGER NOT NULL,
  watermark   INTEGER NOT NULL,
  PRIMARY KEY (topic, partition)
) STRICT, WITHOUT ROWID;

CREATE TABLE incidents (
  incident_id TEXT PRIMARY KEY NOT NULL,
  score       REAL NOT NULL,
  json        TEXT NOT NULL,
  ingested_at INTEGER,
  flagged_at  INTEGER,
  surfaced_at INTEGER,
  run_id      TEXT
) STRICT;

CREATE TABLE handoffs (
  handoff_id  TEXT PRIMARY KEY NOT NULL,
  incident_id TEXT    NOT NULL REFERENCES incidents (incident_id),
  sequence    INTEGER NOT NULL,
  severity    TEXT    NOT NULL,
  emitted_at  INTEGER NOT NULL,
  json        TEXT    NOT NULL
) STRICT;
CREATE INDEX handoffs_in_order ON handoffs (emitted_at, incident_id, sequence);
CREATE INDEX handoffs_of_incident ON handoffs (incident_id, sequence);

-- status: 0 pending, 1 delivered, 2 dead
CREATE TABLE outbox (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  sink            TEXT    NOT NULL,
  message_id      TEXT    NOT NULL,
  handoff_id      TEXT    NOT NULL REFERENCES handoffs (handoff_id),
  incident_id     TEXT    NOT NULL,
  status          INTEGER NOT NULL DEFAULT 0,
  attempts        INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER NOT NULL DEFAULT 0,
  last_error      TEXT,
  UNIQUE (sink, message_id)
) STRICT;
CREATE INDEX outbox_waiting ON outbox (sink, id) WHERE status = 0;
CREATE INDEX outbox_of_incident ON outbox (sink, incident_id, status, id);

CREATE TABLE quarantine (
  topic     TEXT    NOT NULL,
  partition INTEGER NOT NULL,
  \"offset\"  INTEGER NOT NULL,
  reason    TEXT    NOT NULL,
  sentence  TEXT    NOT NULL,
  record    BLOB    NOT NULL,
  PRIMARY KEY (topic, partition, \"offset\")
) STRICT;
";

/// The ledger is only ever appended to; the triggers keep a slip of ours from changing it.
const REGISTER: &str = "
CREATE TABLE ledger (
  sequence INTEGER PRIMARY KEY,
  body     TEXT NOT NULL,
  hash     TEXT NOT NULL
) STRICT;
CREATE TRIGGER ledger_is_not_changed BEFORE UPDATE ON ledger BEGIN SELECT raise(ABORT, 'the ledger is not changed'); END;
CREATE TRIGGER ledger_is_not_cut BEFORE DELETE ON ledger BEGIN SELECT raise(ABORT, 'the ledger is not cut'); END;

CREATE TABLE cases (
  case_id   TEXT PRIMARY KEY NOT NULL,
  opened_at INTEGER NOT NULL,
  json      TEXT    NOT NULL
) STRICT;

CREATE TABLE case_units (
  user_id        TEXT NOT NULL,
  patient_id     TEXT NOT NULL,
  first_event_id TEXT NOT NULL,
  case_id        TEXT NOT NULL REFERENCES cases (case_id),
  PRIMARY KEY (user_id, patient_id, first_event_id, case_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX case_units_of_patient ON case_units (patient_id);

CREATE TABLE case_incidents (
  incident_id TEXT NOT NULL,
  case_id     TEXT NOT NULL REFERENCES cases (case_id),
  PRIMARY KEY (incident_id, case_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE staff (
  user_id    TEXT PRIMARY KEY NOT NULL,
  name       TEXT NOT NULL,
  manager_id TEXT
) STRICT;

CREATE TABLE evidence (
  event_id    TEXT    NOT NULL,
  user_id     TEXT    NOT NULL,
  patient_id  TEXT    NOT NULL,
  occurred_at INTEGER NOT NULL,
  json        TEXT    NOT NULL,
  PRIMARY KEY (event_id, patient_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_of_pair ON evidence (user_id, patient_id, occurred_at);

-- What the register tells sinks: reminders, checkpoints of the ledger.
CREATE TABLE bulletins (
  bulletin_id TEXT PRIMARY KEY NOT NULL,
  severity    TEXT    NOT NULL,
  emitted_at  INTEGER NOT NULL,
  json        TEXT    NOT NULL
) STRICT;

-- The outbox carries them too. incident_id: within what the order is kept.
DROP INDEX outbox_waiting;
DROP INDEX outbox_of_incident;
ALTER TABLE outbox RENAME TO outbox_of_handoffs;
CREATE TABLE outbox (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  sink            TEXT    NOT NULL,
  message_id      TEXT    NOT NULL,
  handoff_id      TEXT    REFERENCES handoffs (handoff_id),
  bulletin_id     TEXT    REFERENCES bulletins (bulletin_id),
  incident_id     TEXT    NOT NULL,
  status          INTEGER NOT NULL DEFAULT 0,
  attempts        INTEGER NOT NULL DEFAULT 0,
  next_attempt_at INTEGER NOT NULL DEFAULT 0,
  last_error      TEXT,
  UNIQUE (sink, message_id),
  CHECK ((handoff_id IS NULL) <> (bulletin_id IS NULL))
) STRICT;
INSERT INTO outbox (id, sink, message_id, handoff_id, incident_id, status, attempts, next_attempt_at, last_error)
  SELECT id, sink, message_id, handoff_id, incident_id, status, attempts, next_attempt_at, last_error
  FROM outbox_of_handoffs;
DROP TABLE outbox_of_handoffs;
CREATE INDEX outbox_waiting ON outbox (sink, id) WHERE status = 0;
CREATE INDEX outbox_of_incident ON outbox (sink, incident_id, status, id);

-- 1 when the register has made or widened a case of it
ALTER TABLE handoffs ADD COLUMN taken INTEGER NOT NULL DEFAULT 0;
CREATE INDEX handoffs_waiting ON handoffs (emitted_at, incident_id, sequence) WHERE taken = 0;
";

/// The same access as the engine held it and as the log tells it: neither takes the place of the other.
const EVIDENCE_OF_TWO_SOURCES: &str = "
DROP INDEX evidence_of_pair;
ALTER TABLE evidence RENAME TO evidence_of_logs;
CREATE TABLE evidence (
  event_id    TEXT    NOT NULL,
  user_id     TEXT    NOT NULL,
  patient_id  TEXT    NOT NULL,
  source      TEXT    NOT NULL,
  occurred_at INTEGER NOT NULL,
  json        TEXT    NOT NULL,
  PRIMARY KEY (event_id, patient_id, user_id, source)
) STRICT, WITHOUT ROWID;
INSERT INTO evidence SELECT event_id, user_id, patient_id, 'log', occurred_at, json FROM evidence_of_logs;
DROP TABLE evidence_of_logs;
CREATE INDEX evidence_of_pair ON evidence (user_id, patient_id, occurred_at);
";

/// Offsets alone do not tell a topic from one that was created anew.
const LAST_RECORDS: &str = "ALTER TABLE positions ADD COLUMN last_record INTEGER;";

/// Brings a file from step `found` to the newest one, or leaves it as it was.
pub(super) fn migrate(connection: &mut Connection, layout: &Layout, found: usize) -> Result<(), StoreError> {
    let missing = layout.migrations.get(found..).unwrap_or_default();
    if missing.is_empty() {
        return Ok(());
    }
    let wrap = StoreError::sql("prepare the tables");
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&wrap)?;
    for script in missing {
        transaction.execute_batch(script).map_err(&wrap)?;
    }
    transaction.pragma_update(None, "application_id", layout.application_id).map_err(&wrap)?;
    transaction.pragma_update(None, "user_version", layout.migrations.len() as i64).map_err(&wrap)?;
    transaction.commit().map_err(&wrap)
}

#[cfg(test)]
mod tests {
    use sha2::Digest as _;

    use super::*;
    use crate::model::time::Timestamp;
    use crate::store::{Store, StoreOptions};

    #[test]
    fn an_older_file_keeps_its_outbox() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "foreign_keys", true).unwrap();
        connection.execute_batch(STORE.migrations[0]).unwrap();
        let rows = "INSERT INTO incidents (incident_id, score, json) VALUES ('i1', 0.9, '{}');
            INSERT INTO handoffs VALUES ('h1', 'i1', 1, 'high', 7, '{}');
            INSERT INTO outbox (sink, message_id, handoff_id, incident_id, status, attempts)
              VALUES ('siem', 'h1', 'h1', 'i1', 0, 3);";
        connection.execute_batch(rows).unwrap();
        migrate(&mut connection, &STORE, 1).unwrap();
        let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(one("SELECT attempts FROM outbox WHERE message_id = 'h1' AND status = 0"), 3);
        assert_eq!(one("SELECT count(*) FROM handoffs WHERE taken = 0"), 1, "the register has not seen it");
        assert_eq!(one("PRAGMA user_version"), STORE.migrations.len() as i64);
    }

    #[test]
    fn an_older_file_keeps_its_evidence_as_the_logs_told_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        STORE.migrations[..2].iter().for_each(|step| connection.execute_batch(step).unwrap());
        connection.execute_batch("INSERT INTO evidence VALUES ('e1', 'u1', 'p1', 7, '{}');").unwrap();
        migrate(&mut connection, &STORE, 2).unwrap();
        let kept =
            connection.query_row("SELECT source FROM evidence WHERE event_id = 'e1' AND occurred_at = 7", [], |row| {
                row.get::<_, String>(0)
            });
        assert_eq!(kept.unwrap(), "log");
    }

    /// What an older version left in its first layout.
    const FIRST_ROWS: &str = "
        INSERT INTO state (key, value) VALUES (x'6d', x'7b7d');
        INSERT INTO positions (topic, partition, next_offset, watermark) VALUES ('ehr.audit', 3, 4711, 99);
        INSERT INTO incidents (incident_id, score, json) VALUES ('i1', 0.9, '{}');
        INSERT INTO handoffs (handoff_id, incident_id, sequence, severity, emitted_at, json)
          VALUES ('h1', 'i1', 1, 'high', 7, '{}');
        INSERT INTO outbox (sink, message_id, handoff_id, incident_id, attempts) VALUES ('siem', 'h1', 'h1', 'i1', 3);
        INSERT INTO quarantine (topic, partition, \"offset\", reason, sentence, record)
          VALUES ('ehr.audit', 3, 9, 'invalid_json', 'not valid JSON', x'7b');";

    /// A store as a version with `steps` steps left it.
    fn left_by(steps: usize) -> (tempfile::TempDir, StoreOptions) {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { path: folder.path().join("store.db"), key: None };
        let connection = Connection::open(&options.path).unwrap();
        let first: String = STORE.migrations[..steps].concat();
        connection.execute_batch(&first).unwrap();
        connection.execute_batch(FIRST_ROWS).unwrap();
        connection.pragma_update(None, "application_id", STORE.application_id).unwrap();
        connection.pragma_update(None, "user_version", steps as i64).unwrap();
        (folder, options)
    }

    #[test]
    fn a_store_of_every_earlier_layout_opens_with_all_that_it_held() {
        for steps in 1..=STORE.migrations.len() {
            let (_folder, options) = left_by(steps);
            let store = Store::open(&options).unwrap();
            assert_eq!(store.load_state().unwrap(), [(b"m".to_vec(), b"{}".to_vec())], "layout {steps}");
            let position = &store.positions().unwrap()[0];
            assert_eq!((position.partition, position.next_offset, position.watermark), (3, 4711, 99), "layout {steps}");
            let waiting = store.handle().outbox_pending("siem", Timestamp(0), 9).unwrap();
            assert_eq!((waiting.len(), waiting[0].attempts), (1, 3), "layout {steps}");
            assert_eq!(store.handle().quarantine(9).unwrap().len(), 1, "layout {steps}");
        }
    }

    #[test]
    fn a_step_that_fails_leaves_the_older_layout_as_it_was() {
        const BROKEN: Layout = Layout {
            application_id: STORE.application_id,
            migrations: &[INCIDENTS_AND_OUTBOX, REGISTER, "CREATE TABLE half (x); DROP TABLE outbox; no SQL"],
        };
        let (_folder, options) = left_by(1);
        let mut connection = Connection::open(&options.path).unwrap();
        migrate(&mut connection, &BROKEN, 1).unwrap_err();
        let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(one("PRAGMA user_version"), 1);
        assert_eq!(one("SELECT count(*) FROM outbox"), 1);
        assert_eq!(one("SELECT count(*) FROM sqlite_schema WHERE name IN ('ledger', 'half')"), 0);
        drop(connection);
        assert_eq!(Store::open(&options).unwrap().positions().unwrap().len(), 1, "and the next attempt succeeds");
    }

    /// The files as a power cut in the middle of the steps leaves them.
    #[test]
    fn steps_that_a_power_cut_ends_have_not_begun() {
        let (folder, options) = left_by(1);
        let mut connection = Connection::open(&options.path).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "cache_size", 1).unwrap();
        let transaction = connection.transaction().unwrap();
        transaction.execute_batch(REGISTER).unwrap();
        transaction.cache_flush().unwrap();
        let rescued = StoreOptions { path: folder.path().join("rescued.db"), key: None };
        for end in ["", "-wal"] {
            std::fs::copy(format!("{}{end}", options.path.display()), format!("{}{end}", rescued.path.display()))
                .unwrap();
        }
        let look = crate::store::Look::open(&rescued).unwrap();
        assert_eq!(look.layout(), 1);
        drop(look);
        assert_eq!(Store::open(&rescued).unwrap().positions().unwrap().len(), 1);
    }

    #[test]
    fn released_steps_never_change() {
        let digest = |script: &&str| data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(script.as_bytes())[..8]);
        let begins_with = |layout: &Layout, released: &[&str]| {
            let found: Vec<String> = layout.migrations.iter().map(digest).collect();
            let is_kept = found.iter().zip(released).all(|(found, released)| found == released);
            assert!(is_kept && found.len() >= released.len(), "{found:?}");
        };
        begins_with(&STORE, &["88ac840569ba8b30", "05781125eab16c55", "ced0352d3fcc44b6"]);
        begins_with(&SPOOL, &["a68ce90ef6d9d057"]);
    }
}
