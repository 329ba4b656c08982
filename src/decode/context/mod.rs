//! Context facts from tables (CSV, NDJSON, columnar rows) and from messages.

pub mod csv;
pub mod ndjson;
mod record;
mod write;

use std::fmt;

pub use record::record;
pub use write::message;

use super::stable_hash;
use crate::model::context::{ContextRecord, ContextUpdate, FeedStatus, RelatedPerson, Shift};
use crate::model::reject::Place;
use crate::model::time::Timestamp;

/// A context table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    Workforce,
    Patients,
    RelatedPersons,
    Relationships,
    Shifts,
    /// Operators' words on context feeds; on Kafka only.
    FeedStatus,
}

impl Table {
    /// Every table that a context directory may hold, in the order in which they are read.
    pub const ALL: [Self; 5] =
        [Self::Workforce, Self::Patients, Self::RelatedPersons, Self::Relationships, Self::Shifts];

    /// The table's name: the stem of its file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Workforce => "workforce",
            Self::Patients => "patients",
            Self::RelatedPersons => "related_persons",
            Self::Relationships => "relationships",
            Self::Shifts => "shifts",
            Self::FeedStatus => "feed_status",
        }
    }

    /// What a message of this table says in `type`.
    #[must_use]
    pub const fn type_name(self) -> &'static str {
        match self {
            Self::Workforce => "workforce",
            Self::Patients => "patient",
            Self::RelatedPersons => "related_person",
            Self::Relationships => "relationship",
            Self::Shifts => "shift",
            Self::FeedStatus => "feed_status",
        }
    }

    /// The table that a record belongs to.
    #[must_use]
    pub const fn of(record: &ContextRecord) -> Self {
        match record {
            ContextRecord::Workforce(_) => Self::Workforce,
            ContextRecord::Patient(_) => Self::Patients,
            ContextRecord::RelatedPerson(_) => Self::RelatedPersons,
            ContextRecord::Relationship(_) => Self::Relationships,
            ContextRecord::Shift(_) => Self::Shifts,
            ContextRecord::FeedStatus(_) => Self::FeedStatus,
        }
    }

    /// The table whose messages say `name` in `type`, in any case.
    #[must_use]
    pub fn from_type(name: &str) -> Option<Self> {
        let tables = Self::ALL.into_iter().chain([Self::FeedStatus]);
        tables.into_iter().find(|table| table.type_name().eq_ignore_ascii_case(name.trim()))
    }

    /// The table's columns, in the order in which rows are handed over.
    #[must_use]
    pub const fn columns(self) -> &'static [&'static str] {
        record::columns(self)
    }

    /// The columns without which a file is not this table.
    #[must_use]
    pub const fn required(self) -> &'static [&'static str] {
        match self {
            Self::Workforce => &["user_id"],
            Self::Patients | Self::RelatedPersons => &["patient_id"],
            Self::Relationships => &["relationship_id", "kind", "patient_id", "starts_at"],
            Self::Shifts => &["user_id", "department", "starts_at", "ends_at"],
            Self::FeedStatus => &["status", "starts_at"],
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The most columns that a table has.
pub const MAX_COLUMNS: usize = 20;

/// The identity of a record from a table: its id column, or a hash of what it says where it has
/// none. Prefixed by the table, so that ids of different tables never meet.
#[must_use]
pub fn key(table: Table, record: &ContextRecord) -> String {
    let id = match record {
        ContextRecord::Workforce(member) => member.user_id.clone(),
        ContextRecord::Patient(patient) => patient.patient_id.clone(),
        ContextRecord::Relationship(relationship) => relationship.relationship_id.clone(),
        ContextRecord::RelatedPerson(person) => person.related_person_id.clone().unwrap_or_else(|| person_hash(person)),
        ContextRecord::Shift(shift) => shift.shift_id.clone().unwrap_or_else(|| shift_hash(shift)),
        ContextRecord::FeedStatus(status) => status_hash(status),
    };
    format!("{table}/{id}")
}

fn text(value: &Option<String>) -> Option<&[u8]> {
    value.as_deref().map(str::as_bytes)
}

fn person_hash(person: &RelatedPerson) -> String {
    let parts = [
        Some(person.patient_id.as_bytes()),
        text(&person.relation),
        text(&person.given_name),
        text(&person.family_name),
        text(&person.phone),
        text(&person.related_patient_id),
    ];
    stable_hash("chartsentry related person 1", parts)
}

fn shift_hash(shift: &Shift) -> String {
    let (starts, ends) = (shift.starts_at.0.to_le_bytes(), shift.ends_at.0.to_le_bytes());
    let parts = [shift.user_id.as_bytes(), shift.department.as_bytes(), &starts, &ends];
    stable_hash("chartsentry shift 1", parts.map(Some))
}

fn status_hash(status: &FeedStatus) -> String {
    let starts = status.starts_at.0.to_le_bytes();
    stable_hash("chartsentry feed status 1", [text(&status.feed), text(&status.department), Some(&starts[..])])
}

/// The identity of a message's record: its key, whatever its text, within its topic.
#[must_use]
pub fn message_key(place: &Place, key: &[u8]) -> String {
    let key = match std::str::from_utf8(key) {
        Ok(text) => text.to_owned(),
        Err(_) => format!("0x{}", data_encoding::HEXLOWER.encode(key)),
    };
    match place {
        Place::Kafka { topic, .. } => format!("{topic}/{key}"),
        Place::File { .. } => key,
    }
}

/// A record of a table as an update.
#[must_use]
pub fn update(table: Table, record: ContextRecord) -> ContextUpdate {
    ContextUpdate { key: key(table, &record), record: Some(record), withdrawn_at: Timestamp::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_known_by_name_and_by_type() {
        for table in Table::ALL {
            assert_eq!(Table::from_type(&table.type_name().to_uppercase()), Some(table));
            assert!(table.columns().len() <= MAX_COLUMNS);
            for column in table.required() {
                assert!(table.columns().contains(column), "{table} has no column {column}");
            }
        }
        assert_eq!(Table::from_type("feed_status"), Some(Table::FeedStatus));
        assert_eq!(Table::from_type("Patient resource"), None);
    }

    #[test]
    fn a_message_key_that_is_no_text_stays_distinct() {
        let place = Place::Kafka { topic: "ctx".into(), partition: 0, offset: 1 };
        assert_eq!(message_key(&place, b"r1"), "ctx/r1");
        assert_eq!(message_key(&place, &[0xff, 0x00]), "ctx/0xff00");
    }
}
