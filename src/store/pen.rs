//! Writing to the register: one transaction, of which all is written or nothing.

use std::collections::BTreeMap;

use rusqlite::{Connection, Transaction, TransactionBehavior, params};

use super::error::StoreError;
use super::quarantine::{self, QuarantineRecord};
use super::records::BulletinRecord;
use super::register::{EvidenceRow, READ, WRITE, case, evidence, evidence_row, head, put_evidence};
use crate::breach::case::Case;
use crate::breach::case::event::Event;
use crate::breach::case::event::EvidenceSource;
use crate::breach::case::staff::Member;
use crate::breach::handoff::Handoff;
use crate::breach::ledger::{Checkpoint, Entry, GENESIS};
use crate::model::time::Timestamp;

/// A transaction on the register.
#[derive(Debug)]
pub struct Pen<'c> {
    transaction: Transaction<'c>,
    head: Option<Checkpoint>,
    /// Cases that were written to.
    touched: BTreeMap<String, Case>,
}

impl<'c> Pen<'c> {
    /// Begins a transaction: nobody else writes until it ends.
    pub(super) fn begin(connection: &'c mut Connection) -> Result<Self, StoreError> {
        let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let transaction = begun.map_err(StoreError::sql(WRITE))?;
        let head = head(&transaction)?;
        Ok(Self { transaction, head, touched: BTreeMap::new() })
    }
}

impl Pen<'_> {
    /// Appends an event to the ledger and takes it into its case, which is returned.
    ///
    /// # Errors
    /// When the case is not there (or is, for the event that opens it), or the file cannot be written.
    pub fn append(&mut self, at: Timestamp, by: &str, case_id: &str, event: Event) -> Result<&Case, StoreError> {
        let wrap = StoreError::sql(WRITE);
        let mismatch =
            |detail: &str| StoreError::Row { what: WRITE, row: case_id.to_owned(), detail: detail.to_owned() };
        let case = match (self.case(case_id)?, Case::open(case_id, at, &event)) {
            (None, Some(case)) => case,
            (Some(mut case), None) => {
                case.apply(at, by, &event);
                case
            }
            (None, None) => return Err(mismatch("there is no such case")),
            (Some(_), Some(_)) => return Err(mismatch("the case is open already")),
        };
        let entry = Entry {
            sequence: self.head.as_ref().map_or(1, |head| head.sequence + 1),
            at,
            by: by.to_owned(),
            case_id: case_id.to_owned(),
            event,
            previous: self.head.as_ref().map_or_else(|| GENESIS.to_owned(), |head| head.hash.clone()),
        };
        let kept = entry.keep().map_err(|error| mismatch(&error.to_string()))?;
        self.transaction
            .prepare_cached("INSERT INTO ledger (sequence, body, hash) VALUES (?1, ?2, ?3)")
            .and_then(|mut put| put.execute(params![kept.sequence as i64, kept.body, kept.hash]))
            .map_err(&wrap)?;
        self.head = Some(Checkpoint { sequence: kept.sequence, hash: kept.hash });
        self.touched.insert(case_id.to_owned(), case);
        Ok(&self.touched[case_id])
    }

    /// One case, with what this transaction has done to it.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn case(&self, case_id: &str) -> Result<Option<Case>, StoreError> {
        match self.touched.get(case_id) {
            Some(case) => Ok(Some(case.clone())),
            None => case(&self.transaction, case_id),
        }
    }

    /// The cases that share a unit's person and patient, or the incident, with a handoff.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn cases_of(&self, handoff: &Handoff) -> Result<Vec<Case>, StoreError> {
        let mut ids = self.ids("SELECT case_id FROM case_incidents WHERE incident_id = ?1", &[&handoff.incident_id])?;
        for unit in &handoff.units {
            let by_unit = "SELECT DISTINCT case_id FROM case_units WHERE user_id = ?1 AND patient_id = ?2";
            ids.extend(self.ids(by_unit, &[&unit.user_id, &unit.patient_id])?);
        }
        self.with_touched(ids, |case| {
            case.incidents.contains_key(&handoff.incident_id)
                || handoff.units.iter().any(|unit| {
                    let mut keys = case.units.iter().map(|known| &known.key);
                    keys.any(|key| key.user_id == unit.user_id && key.patient_id == unit.patient_id)
                })
        })
    }

    /// The cases about one of the patients of `case`, without itself.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn cases_beside(&self, case: &Case) -> Result<Vec<Case>, StoreError> {
        let mut ids = Vec::new();
        for patient in case.patients() {
            ids.extend(self.ids("SELECT DISTINCT case_id FROM case_units WHERE patient_id = ?1", &[patient])?);
        }
        let patients = case.patients();
        let mut cases =
            self.with_touched(ids, |other| other.patients().iter().any(|patient| patients.contains(patient)))?;
        cases.retain(|other| other.case_id != case.case_id);
        Ok(cases)
    }

    fn ids(&self, sql: &str, values: &[&str]) -> Result<Vec<String>, StoreError> {
        let wrap = StoreError::sql(READ);
        let mut statement = self.transaction.prepare_cached(sql).map_err(&wrap)?;
        let rows = statement.query_map(rusqlite::params_from_iter(values), |row| row.get(0)).map_err(&wrap)?;
        rows.collect::<rusqlite::Result<_>>().map_err(&wrap)
    }

    fn with_touched(&self, mut ids: Vec<String>, is_one: impl Fn(&Case) -> bool) -> Result<Vec<Case>, StoreError> {
        ids.extend(self.touched.values().filter(|case| is_one(case)).map(|case| case.case_id.clone()));
        ids.sort_unstable();
        ids.dedup();
        ids.iter().filter_map(|id| self.case(id).transpose()).collect()
    }

    /// The workforce takes the place of the one that was known.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_staff(&mut self, members: &[Member]) -> Result<(), StoreError> {
        let wrap = StoreError::sql(WRITE);
        self.transaction.execute("DELETE FROM staff", []).map_err(wrap)?;
        self.add_staff(members)
    }

    /// Members of the workforce join those that are known, or take the place of an older row of theirs. A row without a
    /// name or a manager leaves what is known of these: another record of the same person may have told it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add_staff(&mut self, members: &[Member]) -> Result<(), StoreError> {
        let wrap = StoreError::sql(WRITE);
        let mut put = self
            .transaction
            .prepare_cached(
                "INSERT INTO staff (user_id, name, manager_id) VALUES (?1, ?2, ?3)
                 ON CONFLICT (user_id) DO UPDATE SET
                   name = CASE excluded.name WHEN '' THEN staff.name ELSE excluded.name END,
                   manager_id = coalesce(excluded.manager_id, staff.manager_id)",
            )
            .map_err(&wrap)?;
        for member in members {
            put.execute(params![member.user_id, member.name, member.manager_id]).map_err(&wrap)?;
        }
        Ok(())
    }

    /// Adds evidence rows; those that are there are left as they are. Returns how many were new.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_evidence(&mut self, rows: &[EvidenceRow]) -> Result<usize, StoreError> {
        put_evidence(&self.transaction, rows).map_err(StoreError::sql(WRITE))
    }

    /// The canonical JSON of one row of evidence, as it is kept.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn evidence_row(&self, source: EvidenceSource, key: &[String; 3]) -> Result<Option<String>, StoreError> {
        evidence_row(&self.transaction, source, key)
    }

    /// The evidence rows of a person and a chart, in order of time.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn evidence(&self, user_id: &str, patient_id: &str) -> Result<Vec<EvidenceRow>, StoreError> {
        evidence(&self.transaction, user_id, patient_id)
    }

    /// The handoffs of the daemon that no case was made of yet, in order of emission.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn waiting_handoffs(&self, limit: u32) -> Result<Vec<(String, String)>, StoreError> {
        let wrap = StoreError::sql(READ);
        let mut statement = self
            .transaction
            .prepare_cached(
                "SELECT handoff_id, json FROM handoffs WHERE taken = 0 ORDER BY emitted_at, incident_id, sequence
                 LIMIT ?1",
            )
            .map_err(&wrap)?;
        let rows = statement.query_map([limit], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&wrap)?;
        rows.collect::<rusqlite::Result<_>>().map_err(&wrap)
    }

    /// These handoffs need not be looked at again.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn mark_taken(&mut self, handoff_ids: &[String]) -> Result<(), StoreError> {
        let wrap = StoreError::sql(WRITE);
        let mut mark =
            self.transaction.prepare_cached("UPDATE handoffs SET taken = 1 WHERE handoff_id = ?1").map_err(&wrap)?;
        for id in handoff_ids {
            mark.execute([id]).map_err(&wrap)?;
        }
        Ok(())
    }

    /// Puts a bulletin into the outbox of each of `sinks`; one that is there is left as it is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_bulletin(&mut self, bulletin: &BulletinRecord, sinks: &[String]) -> Result<(), StoreError> {
        let wrap = StoreError::sql(WRITE);
        let BulletinRecord { bulletin_id, subject, severity, emitted_at, json } = bulletin;
        self.transaction
            .prepare_cached(
                "INSERT INTO bulletins (bulletin_id, severity, emitted_at, json) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (bulletin_id) DO NOTHING",
            )
            .and_then(|mut put| put.execute(params![bulletin_id, severity.name(), emitted_at.0, json]))
            .map_err(&wrap)?;
        let mut put = self
            .transaction
            .prepare_cached(
                "INSERT INTO outbox (sink, message_id, bulletin_id, incident_id) VALUES (?1, ?2, ?2, ?3)
                 ON CONFLICT (sink, message_id) DO NOTHING",
            )
            .map_err(&wrap)?;
        for sink in sinks {
            put.execute(params![sink, bulletin_id, subject]).map_err(&wrap)?;
        }
        Ok(())
    }

    /// Keeps what could not be used, with the reason, as far as the quarantine has room. Returns how many are new.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn put_refused(&mut self, records: &[QuarantineRecord]) -> Result<usize, StoreError> {
        let written = quarantine::write(&self.transaction, records, quarantine::LIMIT);
        written.map(|written| written.added).map_err(StoreError::sql(WRITE))
    }

    /// Makes it last.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        let wrap = StoreError::sql(WRITE);
        for case in self.touched.values() {
            put_case(&self.transaction, case)?;
        }
        self.transaction.commit().map_err(wrap)
    }
}

fn put_case(transaction: &Transaction<'_>, case: &Case) -> Result<(), StoreError> {
    let wrap = StoreError::sql(WRITE);
    let json = serde_json::to_string(case).map_err(|error| StoreError::Row {
        what: WRITE,
        row: case.case_id.clone(),
        detail: error.to_string(),
    })?;
    transaction
        .prepare_cached(
            "INSERT INTO cases (case_id, opened_at, json) VALUES (?1, ?2, ?3)
             ON CONFLICT (case_id) DO UPDATE SET json = excluded.json",
        )
        .and_then(|mut put| put.execute(params![case.case_id, case.opened_at.0, json]))
        .map_err(&wrap)?;
    let mut put = transaction
        .prepare_cached(
            "INSERT INTO case_units (user_id, patient_id, first_event_id, case_id) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO NOTHING",
        )
        .map_err(&wrap)?;
    for unit in &case.units {
        let key = &unit.key;
        put.execute(params![key.user_id, key.patient_id, key.first_event_id, case.case_id]).map_err(&wrap)?;
    }
    let mut put = transaction
        .prepare_cached("INSERT INTO case_incidents (incident_id, case_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .map_err(&wrap)?;
    for incident in case.incidents.keys() {
        put.execute(params![incident, case.case_id]).map_err(&wrap)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::breach::case::staff::Staff;
    use crate::store::{Register, StoreOptions};

    fn member(name: &str, manager_id: Option<&str>) -> Member {
        Member { user_id: "u1".to_owned(), name: name.to_owned(), manager_id: manager_id.map(str::to_owned) }
    }

    #[test]
    fn a_row_of_the_workforce_that_says_less_leaves_what_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let options = StoreOptions { path: folder.path().join("register.db"), key: None };
        let mut register = Register::open(&options).unwrap();
        for row in [member("Ada Quill", Some("u2")), member("", None)] {
            register.write(|pen| pen.add_staff(&[row])).unwrap();
        }
        assert_eq!(register.staff().unwrap(), [member("Ada Quill", Some("u2"))].into_iter().collect::<Staff>());
        register.write(|pen| pen.add_staff(&[member("Ada Berg", Some("u3"))])).unwrap();
        assert_eq!(register.staff().unwrap(), [member("Ada Berg", Some("u3"))].into_iter().collect::<Staff>());
        register.write(|pen| pen.put_staff(&[member("Ada Berg", None)])).unwrap();
        assert_eq!(register.staff().unwrap(), [member("Ada Berg", None)].into_iter().collect::<Staff>());
    }
}
