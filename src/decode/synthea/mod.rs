//! Synthea's CSV export as context facts. Its tables changed over the years; columns are found by
//! name, in any case.
//!
//! | Synthea | fact | from |
//! |---|---|---|
//! | patients | patient | `Id`, `FIRST`, `LAST`, `MAIDEN`, `BIRTHDATE`, `DEATHDATE`, `ADDRESS`, `CITY`, `ZIP` |
//! | providers | workforce member | `Id`, `NAME`, `SPECIALITY` = role, `ORGANIZATION` = department |
//! | encounters | up to two relationships of kind encounter | `PROVIDER` = user, `ORGANIZATION` = department |
//! | organizations, all other tables | none | |
//!
//! | generation | encounters |
//! |---|---|
//! | 2017 | `ID`, `DATE`, `PATIENT` and no more: nobody is named |
//! | 2018 | `START` and `STOP` to the minute: nobody is named |
//! | 2019 | `PROVIDER` holds the id of an organization |
//! | 2020 to 2026 | `ORGANIZATION` and `PROVIDER` |
//!
//! The address of a provider is that of the organization. It is not read: a workforce member's
//! address is where that person lives. Synthea has no time of entry, so every fact is known from
//! the start.

mod encounter;
mod people;
#[cfg(test)]
mod tests;

use super::time::LocalClock;
use super::{Fault, clean};
use crate::model::context::{ContextRecord, ContextUpdate};
use crate::model::reject::RejectCode;
use crate::model::time::Timestamp;

/// Columns of chartsentry's own tables and of access logs; a file that has one is no Synthea file.
const FOREIGN: [&str; 8] =
    ["event_id", "occurred_at", "user_id", "patient_id", "relationship_id", "shift_id", "user", "action"];

/// A table of Synthea's CSV export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntheaTable {
    Patients,
    Encounters,
    Providers,
    /// Departments by id; holds no fact of its own.
    Organizations,
    /// Conditions, medications, claims ...: nothing for chartsentry.
    Other,
}

impl SyntheaTable {
    /// The table's name: the stem of its file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Patients => "patients",
            Self::Encounters => "encounters",
            Self::Providers => "providers",
            Self::Organizations => "organizations",
            Self::Other => "other",
        }
    }
}

/// The table that a CSV header belongs to; `None` = not Synthea's.
#[must_use]
pub fn recognise(header: &[String]) -> Option<SyntheaTable> {
    let has = |name: &str| header.iter().any(|column| clean(column).eq_ignore_ascii_case(name));
    let all = |names: &[&str]| names.iter().all(|name| has(name));
    let any = |names: &[&str]| names.iter().any(|name| has(name));
    if any(&FOREIGN) {
        return None;
    }
    let is_visit = all(&["start", "encounterclass"])
        || (any(&["start", "date"]) && all(&["code", "description"]) && any(&["reasoncode", "reasondescription"]));
    if all(&["id", "birthdate", "first", "last", "address"]) {
        Some(SyntheaTable::Patients)
    } else if all(&["id", "organization", "name"]) && any(&["speciality", "specialty"]) {
        Some(SyntheaTable::Providers)
    } else if all(&["id", "patient"]) && is_visit && !has("encounter") {
        Some(SyntheaTable::Encounters)
    } else if all(&["id", "name", "address", "city", "state", "zip"]) && any(&["revenue", "utilization"]) {
        Some(SyntheaTable::Organizations)
    } else if is_other(&all, &any) {
        Some(SyntheaTable::Other)
    } else {
        None
    }
}

/// Whether this is a clinical table, one of claims, or one of payers.
fn is_other(all: &dyn Fn(&[&str]) -> bool, any: &dyn Fn(&[&str]) -> bool) -> bool {
    let is_clinical = all(&["patient", "encounter"]) && any(&["start", "date"]) && any(&["code", "bodysite_code"]);
    let is_claim = all(&["id", "patientid"]) && any(&["providerid", "claimid"]);
    let is_transition = all(&["patient", "payer"]) && any(&["start_year", "start_date"]);
    is_clinical || is_claim || is_transition || all(&["id", "name", "state_headquartered"])
}

/// Where the columns that are read stand in a row; `None` = the file has no such column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    id: Option<usize>,
    first: Option<usize>,
    last: Option<usize>,
    maiden: Option<usize>,
    birth_date: Option<usize>,
    death_date: Option<usize>,
    address: Option<usize>,
    city: Option<usize>,
    zip: Option<usize>,
    name: Option<usize>,
    speciality: Option<usize>,
    organization: Option<usize>,
    provider: Option<usize>,
    patient: Option<usize>,
    start: Option<usize>,
    stop: Option<usize>,
    /// 2017: the day of an encounter.
    date: Option<usize>,
}

impl Columns {
    /// Finds the columns of a header, in any case and order.
    #[must_use]
    pub fn bind(header: &[String]) -> Self {
        let place = |name: &str| header.iter().position(|column| clean(column).eq_ignore_ascii_case(name));
        Self {
            id: place("id"),
            first: place("first"),
            last: place("last"),
            maiden: place("maiden"),
            birth_date: place("birthdate"),
            death_date: place("deathdate"),
            address: place("address"),
            city: place("city"),
            zip: place("zip"),
            name: place("name"),
            speciality: place("speciality").or_else(|| place("specialty")),
            organization: place("organization"),
            provider: place("provider"),
            patient: place("patient"),
            start: place("start"),
            stop: place("stop"),
            date: place("date"),
        }
    }
}

/// The facts of one row; `cells` in the order of the header. Cells that the row lacks are missing.
///
/// # Errors
/// What is missing or cannot be read; `not_applicable` for a table or a row that holds no fact.
pub fn updates(
    table: SyntheaTable,
    columns: &Columns,
    cells: &[&str],
    clock: &mut LocalClock,
) -> Result<Vec<ContextUpdate>, Fault> {
    let row = Row { columns, cells };
    match table {
        SyntheaTable::Patients => {
            let patient = people::patient(&row)?;
            let id = patient.patient_id.clone();
            Ok(vec![update(table, &id, ContextRecord::Patient(patient))])
        }
        SyntheaTable::Providers => {
            let member = people::provider(&row)?;
            let id = member.user_id.clone();
            Ok(vec![update(table, &id, ContextRecord::Workforce(member))])
        }
        SyntheaTable::Encounters => {
            let found = encounter::relationships(&row, clock)?.into_iter().map(|relationship| {
                let id = relationship.relationship_id.clone();
                update(table, &id, ContextRecord::Relationship(relationship))
            });
            Ok(found.collect())
        }
        SyntheaTable::Organizations => Err(not_applicable("an organization is neither a person nor a relationship")),
        SyntheaTable::Other => Err(not_applicable("this table of Synthea names no person, patient or encounter")),
    }
}

fn update(table: SyntheaTable, id: &str, record: ContextRecord) -> ContextUpdate {
    ContextUpdate { key: format!("synthea/{}/{id}", table.name()), record: Some(record), withdrawn_at: Timestamp::MAX }
}

fn not_applicable(sentence: &'static str) -> Fault {
    Fault::new(RejectCode::NotApplicable, sentence)
}

/// One row with the places of its columns.
struct Row<'r> {
    columns: &'r Columns,
    cells: &'r [&'r str],
}

impl<'r> Row<'r> {
    /// The text of a column; `None` where it is missing or blank.
    fn text(&self, place: Option<usize>) -> Option<&'r str> {
        let text = clean(self.cells.get(place?)?);
        (!text.is_empty()).then_some(text)
    }

    fn owned(&self, place: Option<usize>) -> Option<String> {
        self.text(place).map(str::to_owned)
    }

    fn required(&self, place: Option<usize>, name: &str) -> Result<&'r str, Fault> {
        self.text(place).ok_or_else(|| Fault::missing(name))
    }
}
