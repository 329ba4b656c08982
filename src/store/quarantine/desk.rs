//! The quarantine as people's commands see it, also beside a running daemon.

use rusqlite::{Connection, OptionalExtension, Row, TransactionBehavior, params};

use super::{OnlyCounted, Quarantined, RecordId, Standing, Wanted, columns, record};
use crate::model::time::Timestamp;
use crate::store::{Register, StoreError, StoreOptions};

const READ: &str = "read the quarantine";
const WRITE: &str = "write to the quarantine";

/// Which records are meant; see [`Wanted`].
const MEANT: &str = "(?1 IS NULL OR q.reason = ?1) AND (?2 IS NULL OR q.topic = ?2)
    AND (?3 IS NULL OR q.kept_at >= ?3) AND (?4 IS NULL OR q.standing = ?4)";

/// What [`quarantined`] reads behind the columns of a record.
const HANDLING: &str = "q.standing, q.handled_at, q.handled_by, q.handled_why,
    (SELECT t.to_topic || '/' || t.to_partition || '/' || t.to_offset FROM quarantine_refeeds t
      WHERE t.topic = q.topic AND t.partition = q.partition AND t.\"offset\" = q.\"offset\"
      ORDER BY t.at DESC LIMIT 1),
    (SELECT f.topic || '/' || f.partition || '/' || f.\"offset\" FROM quarantine_refeeds f
      WHERE f.to_topic = q.topic AND f.to_partition = q.partition AND f.to_offset = q.\"offset\")";

/// A way to the quarantine of a store, for commands of people.
#[derive(Debug)]
pub struct QuarantineDesk {
    connection: Connection,
}

impl QuarantineDesk {
    /// Opens the quarantine, beside a daemon or alone; creates the store where there is none.
    ///
    /// # Errors
    /// When the key is wrong, the file is damaged or no store, or a daemon of an older version holds it.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        Ok(Self { connection: Register::open(options)?.into_connection() })
    }

    /// The records that are meant, without their bytes, the newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn list(&self, wanted: &Wanted, limit: u32) -> Result<Vec<Quarantined>, StoreError> {
        let wrap = StoreError::sql(READ);
        let columns = columns("x''");
        let sql = format!(
            "SELECT {columns}, {HANDLING} FROM quarantine q WHERE {MEANT}
             ORDER BY coalesce(q.kept_at, 0) DESC, q.topic, q.partition, q.\"offset\" DESC LIMIT ?5"
        );
        let mut statement = self.connection.prepare_cached(&sql).map_err(&wrap)?;
        let (reason, topic, since, standing) = values(wanted);
        let rows = statement.query_map(params![reason, topic, since, standing, limit], quarantined).map_err(&wrap)?;
        rows.collect::<rusqlite::Result<_>>().map_err(&wrap)
    }

    /// How many records are meant.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn count(&self, wanted: &Wanted) -> Result<u64, StoreError> {
        let (reason, topic, since, standing) = values(wanted);
        let counted = self
            .connection
            .prepare_cached(&format!("SELECT count(*) FROM quarantine q WHERE {MEANT}"))
            .and_then(|mut statement| {
                statement.query_row(params![reason, topic, since, standing], |row| row.get::<_, i64>(0))
            });
        counted.map(|count| u64::try_from(count).unwrap_or(0)).map_err(StoreError::sql(READ))
    }

    /// The ids of the records that are meant, each partition's in the order in which they came.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn ids(&self, wanted: &Wanted) -> Result<Vec<RecordId>, StoreError> {
        let wrap = StoreError::sql(READ);
        let sql = format!(
            "SELECT q.topic, q.partition, q.\"offset\" FROM quarantine q WHERE {MEANT}
             ORDER BY q.topic, q.partition, q.\"offset\""
        );
        let mut statement = self.connection.prepare_cached(&sql).map_err(&wrap)?;
        let (reason, topic, since, standing) = values(wanted);
        let rows = statement
            .query_map(params![reason, topic, since, standing], |row| {
                Ok(RecordId { topic: row.get(0)?, partition: row.get(1)?, offset: row.get(2)? })
            })
            .map_err(&wrap)?;
        rows.collect::<rusqlite::Result<_>>().map_err(&wrap)
    }

    /// One record with the bytes that are kept of it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn find(&self, id: &RecordId) -> Result<Option<Quarantined>, StoreError> {
        let columns = columns("q.record");
        let sql = format!(
            "SELECT {columns}, {HANDLING} FROM quarantine q
             WHERE q.topic = ?1 AND q.partition = ?2 AND q.\"offset\" = ?3"
        );
        self.connection
            .prepare_cached(&sql)
            .and_then(|mut statement| {
                statement.query_row(params![id.topic, id.partition, id.offset], quarantined).optional()
            })
            .map_err(StoreError::sql(READ))
    }

    /// What was counted and not kept, because the quarantine was full.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn only_counted(&self) -> Result<Vec<OnlyCounted>, StoreError> {
        let wrap = StoreError::sql(READ);
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT topic, partition, reason, records, first_offset, last_offset, first_at, last_at
                 FROM quarantine_counts ORDER BY topic, partition, reason",
            )
            .map_err(&wrap)?;
        let rows = statement.query_map([], |row| {
            Ok(OnlyCounted {
                topic: row.get(0)?,
                partition: row.get(1)?,
                reason: row.get(2)?,
                records: u64::try_from(row.get::<_, i64>(3)?).unwrap_or(0),
                offsets: (row.get(4)?, row.get(5)?),
                between: (instant(row, 6)?, instant(row, 7)?),
            })
        });
        rows.map_err(&wrap)?.collect::<rusqlite::Result<_>>().map_err(&wrap)
    }

    /// Records were published again: each id with the place that the record has now. All is noted, or nothing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn refed(&mut self, refed: &[(RecordId, RecordId)], by: &str, at: Timestamp) -> Result<(), StoreError> {
        self.write(|connection| {
            for (id, to) in refed {
                connection
                    .prepare_cached(
                        "INSERT INTO quarantine_refeeds
                           (to_topic, to_partition, to_offset, topic, partition, \"offset\", at)
                         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                         ON CONFLICT (to_topic, to_partition, to_offset) DO UPDATE SET
                           topic = excluded.topic, partition = excluded.partition,
                           \"offset\" = excluded.\"offset\", at = excluded.at",
                    )?
                    .execute(params![to.topic, to.partition, to.offset, id.topic, id.partition, id.offset, at.0])?;
                stand(connection, id, Standing::Refed, by, None, at)?;
            }
            Ok(())
        })
    }

    /// Somebody decided that records are not needed. They are kept until their room is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn dropped(&mut self, ids: &[RecordId], by: &str, why: &str, at: Timestamp) -> Result<(), StoreError> {
        self.write(|connection| {
            ids.iter().try_for_each(|id| stand(connection, id, Standing::Dropped, by, Some(why), at))
        })
    }

    fn write(&mut self, work: impl FnOnce(&Connection) -> rusqlite::Result<()>) -> Result<(), StoreError> {
        let wrap = StoreError::sql(WRITE);
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&wrap)?;
        work(&transaction).map_err(&wrap)?;
        transaction.commit().map_err(&wrap)
    }
}

type Values<'w> = (Option<&'w str>, Option<&'w str>, Option<i64>, Option<i64>);

/// What stands for the marks of [`MEANT`].
fn values(wanted: &Wanted) -> Values<'_> {
    let since = wanted.since.map(|at| at.0);
    (wanted.reason.as_deref(), wanted.topic.as_deref(), since, wanted.standing.map(Standing::number))
}

fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
}

fn stand(
    connection: &Connection,
    id: &RecordId,
    standing: Standing,
    by: &str,
    why: Option<&str>,
    at: Timestamp,
) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE quarantine SET standing = ?1, handled_at = ?2, handled_by = ?3, handled_why = ?4
             WHERE topic = ?5 AND partition = ?6 AND \"offset\" = ?7",
        )?
        .execute(params![standing.number(), at.0, by, why, id.topic, id.partition, id.offset])
        .map(drop)
}

fn quarantined(row: &Row<'_>) -> rusqlite::Result<Quarantined> {
    let number: i64 = row.get(12)?;
    let standing = Standing::ALL.into_iter().find(|standing| standing.number() == number).unwrap_or(Standing::Waiting);
    let by: Option<String> = row.get(14)?;
    let (at, why) = (instant(row, 13)?, row.get(15)?);
    let (refed_to, former): (Option<String>, Option<String>) = (row.get(16)?, row.get(17)?);
    let id = |text: Option<String>| text.and_then(|text| text.parse().ok());
    Ok(Quarantined {
        record: record(row)?,
        standing,
        handled: by.map(|by| super::Handled { at, by, why }),
        refed_to: id(refed_to),
        former: id(former),
    })
}
