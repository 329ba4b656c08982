//! The outbox: what each sink still has to get.
//!
//! A message is pending until its sink took it (delivered) or refused it for good (dead). All three
//! kinds of rows stay: their ids make a repeated commit harmless.

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::read;
use super::records::{DeadLetter, OutboxDepth, OutboxEntry, OutboxMarks};
use crate::model::time::{HOUR, Timestamp};

/// A next attempt that lies further ahead than this, in microseconds, comes from a clock that was set back since.
const BELIEVED_WAIT: i64 = HOUR;

/// How much of an error's text is kept.
const ERROR_CHARS: usize = 500;

/// The oldest waiting message of each incident, so that a batch may fail in any way without changing
/// the order per incident.
pub(super) fn pending(
    connection: &Connection,
    sink: &str,
    due: Timestamp,
    limit: usize,
) -> Result<Vec<OutboxEntry>, StoreError> {
    let wrap = StoreError::sql("read the outbox");
    let mut statement = connection
        .prepare_cached(
            "SELECT o.id, o.message_id, o.incident_id, o.attempts, coalesce(h.severity, b.severity),
               coalesce(h.emitted_at, b.emitted_at), coalesce(h.json, b.json)
             FROM outbox o LEFT JOIN handoffs h ON h.handoff_id = o.handoff_id
               LEFT JOIN bulletins b ON b.bulletin_id = o.bulletin_id
             WHERE o.sink = ?1 AND o.status = 0 AND (o.next_attempt_at <= ?2 OR o.next_attempt_at > ?4) AND NOT EXISTS (
               SELECT 1 FROM outbox e
               WHERE e.sink = o.sink AND e.incident_id = o.incident_id AND e.status = 0 AND e.id < o.id)
             ORDER BY o.id LIMIT ?3",
        )
        .map_err(&wrap)?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![sink, due.0, limit, due.plus(BELIEVED_WAIT).0], |row| {
        Ok(OutboxEntry {
            id: row.get(0)?,
            message_id: row.get(1)?,
            incident_id: row.get(2)?,
            attempts: row.get(3)?,
            severity: read::severity(row, 4)?,
            emitted_at: Timestamp(row.get(5)?),
            json: row.get(6)?,
        })
    });
    rows.map_err(&wrap)?.collect::<rusqlite::Result<_>>().map_err(&wrap)
}

/// The earliest instant at which [`pending`] will have something; `None` when nothing waits.
pub(super) fn next_due(connection: &Connection, sink: &str) -> Result<Option<Timestamp>, StoreError> {
    let sql = "SELECT min(o.next_attempt_at) FROM outbox o WHERE o.sink = ?1 AND o.status = 0 AND NOT EXISTS (
                 SELECT 1 FROM outbox e
                 WHERE e.sink = o.sink AND e.incident_id = o.incident_id AND e.status = 0 AND e.id < o.id)";
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row([sink], |row| row.get::<_, Option<i64>>(0)))
        .map(|at| at.map(Timestamp))
        .map_err(StoreError::sql("read the outbox"))
}

pub(super) fn mark(connection: &mut Connection, marks: &OutboxMarks) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    for id in &marks.delivered {
        transaction.prepare_cached("UPDATE outbox SET status = 1, last_error = NULL WHERE id = ?1")?.execute([id])?;
    }
    for (id, why, next) in &marks.failed {
        transaction
            .prepare_cached(
                "UPDATE outbox SET attempts = attempts + 1, last_error = ?2, next_attempt_at = ?3
                 WHERE id = ?1 AND status = 0",
            )?
            .execute(params![id, shortened(why), next.0])?;
    }
    for (id, why) in &marks.dead {
        transaction
            .prepare_cached(
                "UPDATE outbox SET status = 2, attempts = attempts + 1, last_error = ?2 WHERE id = ?1 AND status = 0",
            )?
            .execute(params![id, shortened(why)])?;
    }
    for (incident, at) in &marks.surfaced {
        transaction
            .prepare_cached(
                "UPDATE incidents SET surfaced_at = max(?2, coalesce(flagged_at, ?2))
                 WHERE incident_id = ?1 AND surfaced_at IS NULL",
            )?
            .execute(params![incident, at.0])?;
    }
    transaction.commit()
}

fn shortened(text: &str) -> &str {
    text.char_indices().nth(ERROR_CHARS).map_or(text, |(end, _)| &text[..end])
}

pub(super) fn requeue(connection: &Connection, sink: &str) -> rusqlite::Result<usize> {
    connection.execute("UPDATE outbox SET status = 0, next_attempt_at = 0 WHERE sink = ?1 AND status = 2", [sink])
}

pub(super) fn dead_letters(connection: &Connection, sink: &str) -> Result<Vec<DeadLetter>, StoreError> {
    let wrap = StoreError::sql("read the dead letters");
    let mut statement = connection
        .prepare_cached(
            "SELECT id, message_id, coalesce(handoff_id, bulletin_id), attempts, coalesce(last_error, '') FROM outbox
             WHERE sink = ?1 AND status = 2 ORDER BY id",
        )
        .map_err(&wrap)?;
    let rows = statement.query_map([sink], |row| {
        Ok(DeadLetter {
            id: row.get(0)?,
            message_id: row.get(1)?,
            handoff_id: row.get(2)?,
            attempts: row.get(3)?,
            reason: row.get(4)?,
        })
    });
    rows.map_err(&wrap)?.collect::<rusqlite::Result<_>>().map_err(&wrap)
}

pub(super) fn depths(connection: &Connection) -> Result<Vec<OutboxDepth>, StoreError> {
    let wrap = StoreError::sql("measure the outbox");
    let mut statement = connection
        .prepare_cached(
            "SELECT o.sink, sum(o.status = 0), sum(o.status = 2), min(coalesce(h.emitted_at, b.emitted_at)) FILTER (WHERE o.status = 0)
             FROM outbox o LEFT JOIN handoffs h ON h.handoff_id = o.handoff_id
               LEFT JOIN bulletins b ON b.bulletin_id = o.bulletin_id
             WHERE o.status <> 1 GROUP BY o.sink ORDER BY o.sink",
        )
        .map_err(&wrap)?;
    let rows = statement.query_map([], |row| {
        Ok(OutboxDepth {
            sink: row.get(0)?,
            pending: row.get(1)?,
            dead: row.get(2)?,
            oldest: row.get::<_, Option<i64>>(3)?.map(Timestamp),
        })
    });
    rows.map_err(&wrap)?.collect::<rusqlite::Result<_>>().map_err(&wrap)
}

#[cfg(test)]
mod tests {
    use super::super::schema::{STORE, migrate};
    use super::*;
    use crate::model::time::SECOND;

    /// One alert for one sink, of an incident that was flagged at 50.
    fn outbox() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &STORE, 0).unwrap();
        let rows = "INSERT INTO incidents (incident_id, score, json, flagged_at) VALUES ('i1', 0.9, '{}', 50);
            INSERT INTO handoffs (handoff_id, incident_id, sequence, severity, emitted_at, json)
              VALUES ('h1', 'i1', 1, 'high', 7, '{}');
            INSERT INTO outbox (sink, message_id, handoff_id, incident_id) VALUES ('siem', 'h1', 'h1', 'i1');";
        connection.execute_batch(rows).unwrap();
        connection
    }

    #[test]
    fn an_attempt_that_lies_further_ahead_than_any_wait_is_due() {
        let mut connection = outbox();
        let next = Timestamp(5 * HOUR);
        let failed = vec![(1, "no answer".to_owned(), next)];
        mark(&mut connection, &OutboxMarks { failed, ..OutboxMarks::default() }).unwrap();
        let due = |at: Timestamp| pending(&connection, "siem", at, 10).unwrap().len();
        let waits = [next.minus(30 * SECOND), next, next.minus(2 * HOUR)].map(due);
        assert_eq!(waits, [0, 1, 1], "the clock went back by two hours");
    }

    #[test]
    fn nothing_stands_before_a_person_earlier_than_it_was_flagged() {
        for (delivered, kept) in [(40, 50), (60, 60)] {
            let mut connection = outbox();
            let surfaced = vec![("i1".to_owned(), Timestamp(delivered))];
            mark(&mut connection, &OutboxMarks { surfaced, ..OutboxMarks::default() }).unwrap();
            assert_eq!(read::clocks(&connection, "i1").unwrap().surfaced_at, Some(Timestamp(kept)));
        }
    }
}
