//! Records that could not be used: kept up to a bound by the daemon, worked on by people beside it.

mod desk;
mod records;

use rusqlite::{Connection, Row, Transaction, params};

pub use desk::QuarantineDesk;
pub use records::{Handled, OnlyCounted, Overflow, QuarantineRecord, Quarantined, RecordId, Standing, Wanted};

use super::error::StoreError;
use crate::model::time::Timestamp;

/// The bound where none is configured, in bytes.
pub(super) const LIMIT: u64 = 256 << 20;
/// Rows that are removed at once to make room.
const CLEARED: i64 = 256;

/// The step of the layout. Of records that an older version kept it is not known whether they had a key.
pub(super) const BOUNDED_AND_HANDLED: &str = "
ALTER TABLE quarantine ADD COLUMN key BLOB;
-- bytes of the whole record; NULL: not known
ALTER TABLE quarantine ADD COLUMN size INTEGER;
-- 1: record and key are all of it
ALTER TABLE quarantine ADD COLUMN whole INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quarantine ADD COLUMN kept_at INTEGER;
-- where a whole copy stands in the quarantine topic
ALTER TABLE quarantine ADD COLUMN copy_partition INTEGER;
ALTER TABLE quarantine ADD COLUMN copy_offset INTEGER;
-- 0 waiting, 1 published again, 2 dropped
ALTER TABLE quarantine ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE quarantine ADD COLUMN handled_at INTEGER;
ALTER TABLE quarantine ADD COLUMN handled_by TEXT;
ALTER TABLE quarantine ADD COLUMN handled_why TEXT;
UPDATE quarantine SET size = length(record) WHERE length(record) < 16384;
CREATE INDEX quarantine_handled ON quarantine (handled_at) WHERE standing <> 0;

-- which record was published again as which
CREATE TABLE quarantine_refeeds (
  to_topic     TEXT    NOT NULL,
  to_partition INTEGER NOT NULL,
  to_offset    INTEGER NOT NULL,
  topic        TEXT    NOT NULL,
  partition    INTEGER NOT NULL,
  \"offset\"     INTEGER NOT NULL,
  at           INTEGER NOT NULL,
  PRIMARY KEY (to_topic, to_partition, to_offset)
) STRICT, WITHOUT ROWID;
CREATE INDEX quarantine_refeeds_of ON quarantine_refeeds (topic, partition, \"offset\", at);

-- what there was no room for
CREATE TABLE quarantine_counts (
  topic        TEXT    NOT NULL,
  partition    INTEGER NOT NULL,
  reason       TEXT    NOT NULL,
  records      INTEGER NOT NULL,
  first_offset INTEGER NOT NULL,
  last_offset  INTEGER NOT NULL,
  first_at     INTEGER,
  last_at      INTEGER,
  PRIMARY KEY (topic, partition, reason)
) STRICT, WITHOUT ROWID;

-- one row: what the records take, as the bound counts it
CREATE TABLE quarantine_use (bytes INTEGER NOT NULL) STRICT;
INSERT INTO quarantine_use SELECT coalesce(sum(length(record) + 512), 0) FROM quarantine;
CREATE TRIGGER quarantine_grows AFTER INSERT ON quarantine BEGIN
  UPDATE quarantine_use SET bytes = bytes + length(new.record) + coalesce(length(new.key), 0) + 512;
END;
CREATE TRIGGER quarantine_shrinks AFTER DELETE ON quarantine BEGIN
  UPDATE quarantine_use SET bytes = bytes - length(old.record) - coalesce(length(old.key), 0) - 512;
END;
";

/// What a transaction did to the quarantine.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Written {
    pub(super) added: usize,
    /// Records for which there was no room.
    pub(super) only_counted: u64,
    /// Records that people were done with, removed to make room.
    pub(super) cleared: usize,
}

/// Keeps what there is room for within `limit` bytes, and counts the rest. Rows that people are done with give way,
/// the oldest first; those that wait never do, so that a flood cannot drive out what came before it.
pub(super) fn write(
    transaction: &Transaction<'_>,
    records: &[QuarantineRecord],
    limit: u64,
) -> rusqlite::Result<Written> {
    let mut written = Written::default();
    if records.is_empty() {
        return Ok(written);
    }
    let mut overflow = Overflow::default();
    let mut used = used(transaction)?;
    let mut may_clear = true;
    for record in records {
        let needed = record.cost() as u64;
        while used + needed > limit && may_clear {
            let cleared = clear(transaction)?;
            written.cleared += cleared;
            may_clear = cleared > 0;
            used = self::used(transaction)?;
        }
        let added = if used + needed > limit { 0 } else { put(transaction, record)? };
        if added > 0 {
            used += needed;
        } else if !is_kept(transaction, record)? {
            // Also another record at the same place, of a topic that was made anew.
            overflow.add(record);
        }
        written.added += added;
    }
    written.only_counted = overflow.records();
    count(transaction, &overflow)?;
    Ok(written)
}

fn used(transaction: &Transaction<'_>) -> rusqlite::Result<u64> {
    let bytes =
        transaction.prepare_cached("SELECT bytes FROM quarantine_use")?.query_row([], |row| row.get::<_, i64>(0))?;
    Ok(u64::try_from(bytes).unwrap_or(0))
}

fn clear(transaction: &Transaction<'_>) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "DELETE FROM quarantine WHERE rowid IN
               (SELECT rowid FROM quarantine WHERE standing <> 0 ORDER BY handled_at LIMIT ?1)",
        )?
        .execute([CLEARED])
}

fn put(transaction: &Transaction<'_>, record: &QuarantineRecord) -> rusqlite::Result<usize> {
    transaction
        .prepare_cached(
            "INSERT INTO quarantine (topic, partition, \"offset\", reason, sentence, record, key, size, whole, kept_at,
               copy_partition, copy_offset)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
             ON CONFLICT (topic, partition, \"offset\") DO NOTHING",
        )?
        .execute(params![
            record.topic,
            record.partition,
            record.offset,
            record.reason,
            record.sentence,
            record.record,
            record.key,
            record.size.and_then(|size| i64::try_from(size).ok()),
            record.is_whole,
            record.kept_at.map(|at| at.0),
            record.copy.map(|(partition, _)| partition),
            record.copy.map(|(_, offset)| offset),
        ])
}

fn is_kept(transaction: &Transaction<'_>, record: &QuarantineRecord) -> rusqlite::Result<bool> {
    transaction
        .prepare_cached(
            "SELECT 1 FROM quarantine WHERE topic = ?1 AND partition = ?2 AND \"offset\" = ?3 AND record = ?4",
        )?
        .exists(params![record.topic, record.partition, record.offset, record.record])
}

/// Adds to what was counted and not kept.
pub(super) fn count(transaction: &Transaction<'_>, overflow: &Overflow) -> rusqlite::Result<()> {
    let mut put = transaction.prepare_cached(
        "INSERT INTO quarantine_counts
           (topic, partition, reason, records, first_offset, last_offset, first_at, last_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (topic, partition, reason) DO UPDATE SET
           records = quarantine_counts.records + excluded.records,
           first_offset = min(quarantine_counts.first_offset, excluded.first_offset),
           last_offset = max(quarantine_counts.last_offset, excluded.last_offset),
           last_at = excluded.last_at",
    )?;
    for counted in overflow.iter() {
        put.execute(params![
            counted.topic,
            counted.partition,
            counted.reason,
            i64::try_from(counted.records).unwrap_or(i64::MAX),
            counted.offsets.0,
            counted.offsets.1,
            counted.between.0.map(|at| at.0),
            counted.between.1.map(|at| at.0),
        ])?;
    }
    Ok(())
}

/// Notes copies that the quarantine topic took after their records were committed.
pub(super) fn note_copies(transaction: &Transaction<'_>, copies: &[(RecordId, (i32, i64))]) -> rusqlite::Result<()> {
    let mut note = transaction.prepare_cached(
        "UPDATE quarantine SET copy_partition = ?1, copy_offset = ?2
         WHERE topic = ?3 AND partition = ?4 AND \"offset\" = ?5",
    )?;
    for (id, (partition, offset)) in copies {
        note.execute(params![partition, offset, id.topic, id.partition, id.offset])?;
    }
    Ok(())
}

/// Columns of a record, for [`record`]; `bytes` says what stands for its bytes.
fn columns(bytes: &str) -> String {
    format!(
        "q.topic, q.partition, q.\"offset\", q.reason, q.sentence, {bytes}, q.key, q.size, q.whole, q.kept_at,
         q.copy_partition, q.copy_offset"
    )
}

fn record(row: &Row<'_>) -> rusqlite::Result<QuarantineRecord> {
    let copy: (Option<i32>, Option<i64>) = (row.get(10)?, row.get(11)?);
    Ok(QuarantineRecord {
        topic: row.get(0)?,
        partition: row.get(1)?,
        offset: row.get(2)?,
        reason: row.get(3)?,
        sentence: row.get(4)?,
        record: row.get(5)?,
        key: row.get(6)?,
        size: row.get::<_, Option<i64>>(7)?.and_then(|size| u64::try_from(size).ok()),
        is_whole: row.get(8)?,
        kept_at: row.get::<_, Option<i64>>(9)?.map(Timestamp),
        copy: copy.0.zip(copy.1),
    })
}

/// The first `limit` records, by topic, partition and offset.
pub(super) fn read(connection: &Connection, limit: u32) -> Result<Vec<QuarantineRecord>, StoreError> {
    let wrap = StoreError::sql("read the quarantine");
    let columns = columns("q.record");
    let sql = format!("SELECT {columns} FROM quarantine q ORDER BY q.topic, q.partition, q.\"offset\" LIMIT ?1");
    let mut statement = connection.prepare_cached(&sql).map_err(&wrap)?;
    let rows = statement.query_map([limit], record).map_err(&wrap)?;
    rows.collect::<rusqlite::Result<_>>().map_err(&wrap)
}

#[cfg(test)]
mod tests;
