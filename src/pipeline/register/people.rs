//! Who works here and who the patients are, from a context directory: for conflicts of interest, and for the papers.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use crate::breach::case::staff::Member;
use crate::decode::context::Table;
use crate::decode::crosswalk::Crosswalk;
use crate::decode::{DecodeSink, Decoder, Expect};
use crate::model::access::AccessEvent;
use crate::model::context::{ContextRecord, ContextUpdate, Patient, Recorded, WorkforceMember};
use crate::model::reject::Reject;
use crate::model::time::Zone;
use crate::pipeline::columnar;
use crate::source::file::{BlockReader, ContextDir, Piece, Sizes};

/// What the rows of each person say together.
#[derive(Debug, Default)]
pub struct People {
    pub workforce: BTreeMap<String, WorkforceMember>,
    pub patients: BTreeMap<String, Patient>,
    /// Rows that could not be read.
    pub rejects: usize,
}

impl People {
    /// The workforce as the register keeps it.
    #[must_use]
    pub fn members(&self) -> Vec<Member> {
        let members = self.workforce.values().map(|member| Member {
            user_id: member.user_id.clone(),
            name: full_name(member.given_name.as_deref(), member.family_name.as_deref()),
            manager_id: member.manager_id.clone(),
        });
        members.collect()
    }
}

/// Given and family name, as far as they are known.
#[must_use]
pub fn full_name(given: Option<&str>, family: Option<&str>) -> String {
    [given, family].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The newest row of each record, by person and key: systems may tell of one person under keys of their own.
#[derive(Debug, Default)]
struct Rows {
    workforce: BTreeMap<(String, String), WorkforceMember>,
    patients: BTreeMap<(String, String), Patient>,
    rejects: usize,
}

impl DecodeSink for Rows {
    fn access(&mut self, _: &AccessEvent<'_>, _: u64) {}

    fn context(&mut self, update: ContextUpdate, _: u64) {
        match update.record {
            Some(ContextRecord::Workforce(member)) => {
                self.workforce.insert((member.user_id.clone(), update.key), member);
            }
            Some(ContextRecord::Patient(patient)) => {
                self.patients.insert((patient.patient_id.clone(), update.key), patient);
            }
            _ => {}
        }
    }

    fn reject(&mut self, _: Reject) {
        self.rejects += 1;
    }
}

impl From<Rows> for People {
    fn from(rows: Rows) -> Self {
        Self {
            workforce: joined(rows.workforce, |member| member.recorded, with_member),
            patients: joined(rows.patients, |patient| patient.recorded, with_patient),
            rejects: rows.rejects,
        }
    }
}

/// One row for each person: the one that was recorded last, and what it leaves open from the others.
fn joined<T>(
    rows: BTreeMap<(String, String), T>,
    recorded: fn(&T) -> Recorded,
    with: fn(T, T) -> T,
) -> BTreeMap<String, T> {
    let mut rows: Vec<(String, T)> = rows.into_iter().map(|((id, _), row)| (id, row)).collect();
    let newest_first = |one: &T, other: &T| recorded(other).at.cmp(&recorded(one).at);
    rows.sort_by(|(id, row), (other_id, other)| id.cmp(other_id).then_with(|| newest_first(row, other)));
    let mut people = BTreeMap::new();
    for (id, row) in rows {
        let row = match people.remove(&id) {
            Some(newer) => with(newer, row),
            None => row,
        };
        people.insert(id, row);
    }
    people
}

fn with_member(mut newer: WorkforceMember, other: WorkforceMember) -> WorkforceMember {
    if newer.given_name.is_none() && newer.family_name.is_none() {
        (newer.given_name, newer.family_name) = (other.given_name, other.family_name);
    }
    newer.role = newer.role.or(other.role);
    newer.department = newer.department.or(other.department);
    newer.manager_id = newer.manager_id.or(other.manager_id);
    newer
}

fn with_patient(mut newer: Patient, other: Patient) -> Patient {
    if newer.given_name.is_none() && newer.family_name.is_none() {
        (newer.given_name, newer.family_name) = (other.given_name, other.family_name);
    }
    if newer.street.is_none() && newer.city.is_none() && newer.postal_code.is_none() {
        (newer.street, newer.city, newer.postal_code) = (other.street, other.city, other.postal_code);
    }
    newer
}

/// Reads the tables `workforce` and `patients` of a context directory, as far as they are there, with the ids that the
/// crosswalk says.
///
/// # Errors
/// When the directory or a table cannot be read.
pub fn read(dir: &Path, zone: &Zone, crosswalk: Option<&Arc<Crosswalk>>) -> Result<People> {
    let mut rows = Rows::default();
    let ContextDir { files, feeds } = ContextDir::list(dir)?;
    let tables = files.into_iter().filter(|(table, _)| matches!(table, Table::Workforce | Table::Patients));
    let tables = tables.map(|(table, path)| (Expect::Table(table), vec![path]));
    for (expect, paths) in tables.chain([(Expect::Feed, feeds)]) {
        let mut decoder = Decoder::new(zone.clone()).with_crosswalk(crosswalk.cloned());
        for piece in BlockReader::new(paths, expect, Sizes::default()) {
            match piece? {
                Piece::Block(block) => decoder.chunk(&block.chunk(), &mut rows),
                Piece::Reject(reject, layout) => decoder.source_reject(reject, layout.format, &mut rows),
                Piece::Columnar { path, file, .. } => {
                    columnar::read(&path, &file, expect, zone, &mut decoder, &mut rows)?;
                }
            }
        }
    }
    Ok(rows.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_what_the_records_of_several_systems_say() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        write(
            "workforce.csv",
            "user_id,family_name,role,department,manager_id,recorded_at\ne1,Quill,,,e2,2026-06-01T00:00:00Z\n\
             nquill,,Coder,4N,,2026-06-02T00:00:00Z\n",
        );
        write("patients.csv", "patient_id,family_name,street,city\np1,Roe,,\np2,,1 Oak St,Salem\n");
        let text = b"kind,id,alias\nuser,u1,e1\nuser,u1,nquill\npatient,p1,p2\n";
        let crosswalk = Arc::new(Crosswalk::read(text).unwrap());
        let people = read(dir.path(), &Zone::utc(), Some(&crosswalk)).unwrap();
        let [member] = &people.members()[..] else { panic!("one member") };
        assert_eq!((member.user_id.as_str(), member.name.as_str()), ("u1", "Quill"));
        assert_eq!(member.manager_id.as_deref(), Some("e2"));
        let role = people.workforce.get("u1").map(|member| (member.role.as_deref(), member.department.as_deref()));
        assert_eq!(role, Some((Some("Coder"), Some("4N"))));
        let patient = people.patients.get("p1").unwrap();
        assert_eq!((patient.family_name.as_deref(), patient.city.as_deref()), (Some("Roe"), Some("Salem")));
        assert_eq!((people.patients.len(), people.rejects), (1, 0));
    }

    #[test]
    fn a_newer_row_of_the_same_record_takes_the_place_of_the_older() {
        let dir = tempfile::tempdir().unwrap();
        let text = "user_id,family_name,manager_id\nu1,Quill,u2\nu1,Quill,\n";
        std::fs::write(dir.path().join("workforce.csv"), text).unwrap();
        let people = read(dir.path(), &Zone::utc(), None).unwrap();
        assert_eq!(people.members().first().map(|member| member.manager_id.clone()), Some(None));
    }
}
