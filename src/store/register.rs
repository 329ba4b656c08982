//! The case register: the ledger, the cases that it makes, and what they rest on.
//!
//! The ledger is the truth; `cases` and its look-ups are what it makes, kept so that nobody has to read it from the
//! start. All of a change is one transaction. The register is used beside a running daemon: SQLite lets one process
//! write at a time, and the others wait.

use rusqlite::{Connection, OptionalExtension, params};

use super::error::StoreError;
use super::open::{self, StoreOptions};
use super::pen::Pen;
use super::place;
use super::read::place_of;
use super::schema::STORE;
use crate::breach::case::Case;
use crate::breach::case::event::EvidenceSource;
use crate::breach::case::staff::{Member, Staff};
use crate::breach::ledger::{Checkpoint, Kept};
use crate::model::time::Timestamp;

pub(super) const READ: &str = "read the register";
pub(super) const WRITE: &str = "write to the register";

/// The register of a store.
#[derive(Debug)]
pub struct Register {
    connection: Connection,
}

/// A row of evidence: one access behind a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceRow {
    pub source: EvidenceSource,
    pub event_id: String,
    pub user_id: String,
    pub patient_id: String,
    pub occurred_at: Timestamp,
    /// The canonical event as JSON.
    pub json: String,
}

impl EvidenceRow {
    /// Event, patient and person.
    #[must_use]
    pub fn key(&self) -> [String; 3] {
        [self.event_id.clone(), self.patient_id.clone(), self.user_id.clone()]
    }
}

/// What a short case id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    One(String),
    None,
    Several(Vec<String>),
}

impl Register {
    /// Opens the register, beside a daemon or alone; creates the store where there is none.
    ///
    /// # Errors
    /// When the key is wrong, the file is damaged or no store, or a daemon of an older version holds it.
    pub fn open(options: &StoreOptions) -> Result<Self, StoreError> {
        place::prepare(&options.path)?;
        let connection = match place::Lock::take(&options.path) {
            Ok(mut held_while_the_tables_are_prepared) => {
                open::open(options, &STORE, &mut held_while_the_tables_are_prepared)?
            }
            Err(StoreError::InUse { .. }) => open::open_beside(options)?,
            Err(error) => return Err(error),
        };
        Ok(Self { connection })
    }

    /// Its way to the file, for another of people's commands.
    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }

    /// The register of a store that is open already and has the newest layout.
    pub(super) fn on(connection: Connection) -> Self {
        Self { connection }
    }

    /// Does `work` in one transaction: all of it is written, or nothing.
    ///
    /// # Errors
    /// Those of `work`, and when the file cannot be written.
    pub fn write<T, E: From<StoreError>>(&mut self, work: impl FnOnce(&mut Pen<'_>) -> Result<T, E>) -> Result<T, E> {
        let mut pen = Pen::begin(&mut self.connection)?;
        let done = work(&mut pen)?;
        pen.finish()?;
        Ok(done)
    }

    /// Every case, the newest first.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn cases(&self) -> Result<Vec<Case>, StoreError> {
        cases(&self.connection, "SELECT case_id, json FROM cases ORDER BY opened_at DESC, case_id", &[])
    }

    /// One case.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn case(&self, case_id: &str) -> Result<Option<Case>, StoreError> {
        case(&self.connection, case_id)
    }

    /// The case whose id begins so.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn find(&self, prefix: &str) -> Result<Found, StoreError> {
        let wrap = StoreError::sql(READ);
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT case_id FROM cases WHERE substr(case_id, 1, length(?1)) = ?1 ORDER BY case_id LIMIT 5",
            )
            .map_err(&wrap)?;
        let rows = statement.query_map([prefix], |row| row.get(0)).map_err(&wrap)?;
        let mut ids: Vec<String> = rows.collect::<rusqlite::Result<_>>().map_err(&wrap)?;
        Ok(match ids.len() {
            0 => Found::None,
            1 => Found::One(ids.remove(0)),
            _ => Found::Several(ids),
        })
    }

    /// The ledger entries of a case, or of all, oldest first.
    ///
    /// # Errors
    /// When the file cannot be read, or `each` fails.
    pub fn ledger<E: From<StoreError>>(&self, mut each: impl FnMut(Kept) -> Result<(), E>) -> Result<(), E> {
        let wrap = StoreError::sql("read the ledger");
        let mut statement = self
            .connection
            .prepare_cached("SELECT sequence, body, hash FROM ledger ORDER BY sequence")
            .map_err(&wrap)?;
        let mut rows = statement.query([]).map_err(&wrap)?;
        while let Some(row) = rows.next().map_err(&wrap)? {
            let sequence = row.get::<_, i64>(0).map_err(&wrap)?;
            let kept = Kept {
                sequence: u64::try_from(sequence).unwrap_or(0),
                body: row.get(1).map_err(&wrap)?,
                hash: row.get(2).map_err(&wrap)?,
            };
            each(kept)?;
        }
        Ok(())
    }

    /// The newest entry of the ledger.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn head(&self) -> Result<Option<Checkpoint>, StoreError> {
        head(&self.connection)
    }

    /// The workforce as it was loaded last.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn staff(&self) -> Result<Staff, StoreError> {
        let wrap = StoreError::sql(READ);
        let mut statement =
            self.connection.prepare_cached("SELECT user_id, name, manager_id FROM staff").map_err(&wrap)?;
        let rows = statement
            .query_map([], |row| Ok(Member { user_id: row.get(0)?, name: row.get(1)?, manager_id: row.get(2)? }));
        rows.map_err(&wrap)?.collect::<rusqlite::Result<_>>().map_err(&wrap)
    }

    /// The canonical JSON of one row of evidence.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn evidence_row(&self, source: EvidenceSource, key: &[String; 3]) -> Result<Option<String>, StoreError> {
        evidence_row(&self.connection, source, key)
    }

    /// The evidence rows of a person and a chart, in order of time; what the log tells comes before what the engine held.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn evidence(&self, user_id: &str, patient_id: &str) -> Result<Vec<EvidenceRow>, StoreError> {
        evidence(&self.connection, user_id, patient_id)
    }
}

/// The rows of a person and a chart.
pub(super) fn evidence(
    connection: &Connection,
    user_id: &str,
    patient_id: &str,
) -> Result<Vec<EvidenceRow>, StoreError> {
    let wrap = StoreError::sql("read the evidence");
    let mut statement = connection
        .prepare_cached(
            "SELECT event_id, occurred_at, json, source FROM evidence WHERE user_id = ?1 AND patient_id = ?2
             ORDER BY occurred_at, event_id, source DESC",
        )
        .map_err(&wrap)?;
    let rows = statement.query_map([user_id, patient_id], |row| {
        let is_of_engine = row.get_ref(3)?.as_str()? == EvidenceSource::Engine.name();
        Ok(EvidenceRow {
            source: if is_of_engine { EvidenceSource::Engine } else { EvidenceSource::Log },
            event_id: row.get(0)?,
            user_id: user_id.to_owned(),
            patient_id: patient_id.to_owned(),
            occurred_at: Timestamp(row.get(1)?),
            json: row.get(2)?,
        })
    });
    rows.map_err(&wrap)?.collect::<rusqlite::Result<_>>().map_err(&wrap)
}

/// Adds rows; those that are there are left as they are.
pub(super) fn put_evidence(connection: &Connection, rows: &[EvidenceRow]) -> rusqlite::Result<usize> {
    let mut put = connection.prepare_cached(
        "INSERT INTO evidence (event_id, user_id, patient_id, source, occurred_at, json)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
    )?;
    let mut added = 0;
    for row in rows {
        let source = row.source.name();
        added +=
            put.execute(params![row.event_id, row.user_id, row.patient_id, source, row.occurred_at.0, row.json])?;
    }
    Ok(added)
}

/// A row by event, patient and person.
pub(super) fn evidence_row(
    connection: &Connection,
    source: EvidenceSource,
    [event_id, patient_id, user_id]: &[String; 3],
) -> Result<Option<String>, StoreError> {
    let sql = "SELECT json FROM evidence WHERE event_id = ?1 AND patient_id = ?2 AND user_id = ?3 AND source = ?4";
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| {
            statement.query_row([event_id, patient_id, user_id, source.name()], |row| row.get(0)).optional()
        })
        .map_err(StoreError::sql("read the evidence"))
}

pub(super) fn head(connection: &Connection) -> Result<Option<Checkpoint>, StoreError> {
    let found = connection.prepare_cached("SELECT sequence, hash FROM ledger ORDER BY sequence DESC LIMIT 1").and_then(
        |mut statement| {
            statement
                .query_row([], |row| Ok(Checkpoint { sequence: row.get::<_, i64>(0)? as u64, hash: row.get(1)? }))
                .optional()
        },
    );
    found.map_err(StoreError::sql("read the ledger"))
}

pub(super) fn case(connection: &Connection, case_id: &str) -> Result<Option<Case>, StoreError> {
    let mut found = cases(connection, "SELECT case_id, json FROM cases WHERE case_id = ?1", &[case_id])?;
    Ok(found.pop())
}

pub(super) fn cases(connection: &Connection, sql: &str, values: &[&str]) -> Result<Vec<Case>, StoreError> {
    let wrap = StoreError::sql(READ);
    let mut statement = connection.prepare_cached(sql).map_err(&wrap)?;
    let rows = statement
        .query_map(rusqlite::params_from_iter(values), |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
        .map_err(&wrap)?;
    let read = rows.map(|row| {
        let (id, json) = row.map_err(&wrap)?;
        serde_json::from_str(&json).map_err(|error| StoreError::Row { what: READ, row: id, detail: place_of(&error) })
    });
    read.collect()
}
