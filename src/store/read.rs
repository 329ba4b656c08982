//! Questions to the store, for whichever connection asks.

use rusqlite::{Connection, OptionalExtension, Row};

use super::error::StoreError;
use super::records::{Clocks, HandoffRecord, Position, StateRows};
use crate::model::incident::{Incident, Severity};
use crate::model::time::Timestamp;

pub(super) fn state(connection: &Connection) -> Result<StateRows, StoreError> {
    let wrap = StoreError::sql("read the engine's state");
    let mut statement = connection.prepare_cached("SELECT key, value FROM state ORDER BY key").map_err(&wrap)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&wrap)?;
    rows.collect::<rusqlite::Result<_>>().map_err(&wrap)
}

pub(super) fn positions(connection: &Connection) -> Result<Vec<Position>, StoreError> {
    let wrap = StoreError::sql("read the input positions");
    let mut statement = connection
        .prepare_cached(
            "SELECT topic, partition, next_offset, watermark, last_record FROM positions ORDER BY topic, partition",
        )
        .map_err(&wrap)?;
    let rows = statement.query_map([], |row| {
        Ok(Position {
            topic: row.get(0)?,
            partition: row.get(1)?,
            next_offset: row.get(2)?,
            watermark: row.get(3)?,
            last_record: row.get(4)?,
        })
    });
    rows.map_err(&wrap)?.collect::<rusqlite::Result<_>>().map_err(&wrap)
}

pub(super) fn clocks(connection: &Connection, incident_id: &str) -> Result<Clocks, StoreError> {
    let wrap = StoreError::sql("read the clocks of an incident");
    let mut statement = connection
        .prepare_cached("SELECT ingested_at, flagged_at, surfaced_at, run_id FROM incidents WHERE incident_id = ?1")
        .map_err(&wrap)?;
    let found = statement.query_row([incident_id], |row| {
        Ok(Clocks {
            ingested_at: instant(row, 0)?,
            flagged_at: instant(row, 1)?,
            surfaced_at: instant(row, 2)?,
            run_id: row.get(3)?,
        })
    });
    found.optional().map(Option::unwrap_or_default).map_err(&wrap)
}

fn instant(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
}

pub(super) fn was_queued(connection: &Connection, sink: &str, incident_id: &str) -> Result<bool, StoreError> {
    let wrap = StoreError::sql("look for earlier messages");
    connection
        .prepare_cached("SELECT 1 FROM outbox WHERE sink = ?1 AND incident_id = ?2 LIMIT 1")
        .and_then(|mut statement| statement.exists([sink, incident_id]))
        .map_err(&wrap)
}

pub(super) fn incidents(connection: &Connection) -> Result<Vec<Incident>, StoreError> {
    const WHAT: &str = "read the incidents";
    let wrap = StoreError::sql(WHAT);
    let mut statement = connection
        .prepare_cached("SELECT incident_id, json FROM incidents ORDER BY score DESC, incident_id")
        .map_err(&wrap)?;
    let mut rows = statement.query([]).map_err(&wrap)?;
    let mut incidents = Vec::new();
    while let Some(row) = rows.next().map_err(&wrap)? {
        let (id, json): (String, String) = (row.get(0).map_err(&wrap)?, row.get(1).map_err(&wrap)?);
        let incident = serde_json::from_str(&json).map_err(|error| StoreError::Row {
            what: WHAT,
            row: id,
            detail: place_of(&error),
        })?;
        incidents.push(incident);
    }
    Ok(incidents)
}

/// Where a JSON text breaks. The error's own words are left out: they can repeat a value.
pub(super) fn place_of(error: &serde_json::Error) -> String {
    format!("column {}", error.column())
}

const HANDOFF_COLUMNS: &str = "h.handoff_id, h.incident_id, h.sequence, h.severity, h.emitted_at, h.json";

pub(super) fn handoffs(connection: &Connection) -> Result<Vec<HandoffRecord>, StoreError> {
    let sql = format!("SELECT {HANDOFF_COLUMNS} FROM handoffs h ORDER BY h.emitted_at, h.incident_id, h.sequence");
    handoffs_by(connection, &sql)
}

pub(super) fn latest_handoffs(connection: &Connection) -> Result<Vec<HandoffRecord>, StoreError> {
    let sql = format!(
        "SELECT {HANDOFF_COLUMNS} FROM incidents i JOIN handoffs h ON h.incident_id = i.incident_id
         WHERE h.sequence = (SELECT max(l.sequence) FROM handoffs l WHERE l.incident_id = i.incident_id)
         ORDER BY i.score DESC, i.incident_id, h.handoff_id"
    );
    handoffs_by(connection, &sql)
}

fn handoffs_by(connection: &Connection, sql: &str) -> Result<Vec<HandoffRecord>, StoreError> {
    let wrap = StoreError::sql("read the handoffs");
    let mut statement = connection.prepare_cached(sql).map_err(&wrap)?;
    let rows = statement.query_map([], |row| {
        Ok(HandoffRecord {
            handoff_id: row.get(0)?,
            incident_id: row.get(1)?,
            sequence: row.get(2)?,
            severity: severity(row, 3)?,
            emitted_at: Timestamp(row.get(4)?),
            json: row.get(5)?,
        })
    });
    rows.map_err(&wrap)?.collect::<rusqlite::Result<_>>().map_err(&wrap)
}

pub(super) fn severity(row: &Row<'_>, column: usize) -> rusqlite::Result<Severity> {
    let name: String = row.get(column)?;
    Severity::ALL.into_iter().find(|severity| severity.name() == name).ok_or_else(|| {
        let error = format!("\"{name}\" is no severity");
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
    })
}

/// How many records of each reason nobody has dealt with, by reason.
pub(super) fn quarantine_counts(connection: &Connection) -> Result<Vec<(String, u64)>, StoreError> {
    let wrap = StoreError::sql("count the quarantine");
    let mut statement = connection
        .prepare_cached("SELECT reason, count(*) FROM quarantine WHERE standing = 0 GROUP BY reason ORDER BY reason")
        .map_err(&wrap)?;
    let rows = statement.query_map([], |row| {
        let count: i64 = row.get(1)?;
        Ok((row.get(0)?, u64::try_from(count).unwrap_or_default()))
    });
    rows.map_err(&wrap)?.collect::<rusqlite::Result<_>>().map_err(&wrap)
}
