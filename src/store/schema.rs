//! The tables, and how an older file gets them.

use rusqlite::{Connection, TransactionBehavior};

use super::error::StoreError;

/// Marks the file as ours (`CHSE`), see <https://sqlite.org/fileformat2.html#application_id>.
pub(super) const APPLICATION_ID: i64 = 0x4348_5345;

/// Each step takes a file from layout `n` (its place here) to `n + 1`. A released step never changes.
pub(super) const MIGRATIONS: &[&str] = &[INCIDENTS_AND_OUTBOX];

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

/// Brings a file from layout `found` to the newest one.
pub(super) fn migrate(connection: &mut Connection, found: usize) -> Result<(), StoreError> {
    let wrap = StoreError::sql("prepare the tables");
    for (step, script) in MIGRATIONS.iter().enumerate().skip(found) {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&wrap)?;
        transaction.execute_batch(script).map_err(&wrap)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(&wrap)?;
        transaction.pragma_update(None, "user_version", step as i64 + 1).map_err(&wrap)?;
        transaction.commit().map_err(&wrap)?;
    }
    Ok(())
}
