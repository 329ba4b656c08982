//! One row of a context table as a record. Each builder takes the columns in their order.

use jiff::civil::Date;

use super::Table;
use crate::decode::time::{LocalClock, read_bool, read_date};
use crate::decode::{DATE, Fault, INSTANT, clean};
use crate::model::context::{
    ContextRecord, FeedStatus, Holder, Patient, Recorded, RelatedPerson, Relationship, RelationshipKind, Shift,
    WorkforceMember,
};
use crate::model::reject::RejectCode;
use crate::model::time::Timestamp;

const WORKFORCE: [&str; 17] = [
    "user_id",
    "given_name",
    "family_name",
    "previous_family_names",
    "role",
    "department",
    "manager_id",
    "patient_id",
    "street",
    "city",
    "postal_code",
    "phone",
    "birth_date",
    "hired_on",
    "ended_on",
    "recorded_at",
    "withdrawn_at",
];

const PATIENTS: [&str; 16] = [
    "patient_id",
    "given_name",
    "family_name",
    "previous_family_names",
    "birth_date",
    "street",
    "city",
    "postal_code",
    "phone",
    "is_vip",
    "is_restricted",
    "is_decoy",
    "deceased_on",
    "merged_into",
    "recorded_at",
    "withdrawn_at",
];

const RELATED_PERSONS: [&str; 9] = [
    "related_person_id",
    "patient_id",
    "relation",
    "given_name",
    "family_name",
    "phone",
    "related_patient_id",
    "recorded_at",
    "withdrawn_at",
];

const RELATIONSHIPS: [&str; 11] = [
    "relationship_id",
    "kind",
    "patient_id",
    "user_id",
    "department",
    "starts_at",
    "ends_at",
    "recorded_by",
    "encounter_id",
    "recorded_at",
    "withdrawn_at",
];

const SHIFTS: [&str; 7] = ["shift_id", "user_id", "department", "starts_at", "ends_at", "recorded_at", "withdrawn_at"];

const FEED_STATUS: [&str; 7] = ["feed", "department", "status", "starts_at", "ends_at", "recorded_at", "withdrawn_at"];

pub(super) const fn columns(table: Table) -> &'static [&'static str] {
    match table {
        Table::Workforce => &WORKFORCE,
        Table::Patients => &PATIENTS,
        Table::RelatedPersons => &RELATED_PERSONS,
        Table::Relationships => &RELATIONSHIPS,
        Table::Shifts => &SHIFTS,
        Table::FeedStatus => &FEED_STATUS,
    }
}

/// Reads a row; `cells` in the order of [`Table::columns`].
///
/// # Errors
/// The first column that is missing or cannot be read.
pub fn record(table: Table, cells: &[&str], clock: &mut LocalClock) -> Result<ContextRecord, Fault> {
    let mut row = Cursor { columns: columns(table), cells, at: 0, clock };
    match table {
        Table::Workforce => workforce(&mut row).map(ContextRecord::Workforce),
        Table::Patients => patient(&mut row).map(ContextRecord::Patient),
        Table::RelatedPersons => related_person(&mut row).map(ContextRecord::RelatedPerson),
        Table::Relationships => relationship(&mut row).map(ContextRecord::Relationship),
        Table::Shifts => shift(&mut row).map(ContextRecord::Shift),
        Table::FeedStatus => feed_status(&mut row).map(ContextRecord::FeedStatus),
    }
}

fn workforce(row: &mut Cursor<'_>) -> Result<WorkforceMember, Fault> {
    Ok(WorkforceMember {
        user_id: row.required()?,
        given_name: row.text(),
        family_name: row.text(),
        previous_family_names: row.texts(),
        role: row.text(),
        department: row.text(),
        manager_id: row.text(),
        patient_id: row.text(),
        street: row.text(),
        city: row.text(),
        postal_code: row.text(),
        phone: row.text(),
        birth_date: row.date()?,
        hired_on: row.date()?,
        ended_on: row.date()?,
        recorded: row.recorded()?,
    })
}

fn patient(row: &mut Cursor<'_>) -> Result<Patient, Fault> {
    Ok(Patient {
        patient_id: row.required()?,
        given_name: row.text(),
        family_name: row.text(),
        previous_family_names: row.texts(),
        birth_date: row.date()?,
        street: row.text(),
        city: row.text(),
        postal_code: row.text(),
        phone: row.text(),
        is_vip: row.switch()?,
        is_restricted: row.switch()?,
        is_decoy: row.switch()?,
        deceased_on: row.date()?,
        merged_into: row.text(),
        recorded: row.recorded()?,
    })
}

fn related_person(row: &mut Cursor<'_>) -> Result<RelatedPerson, Fault> {
    Ok(RelatedPerson {
        related_person_id: row.text(),
        patient_id: row.required()?,
        relation: row.text(),
        given_name: row.text(),
        family_name: row.text(),
        phone: row.text(),
        related_patient_id: row.text(),
        recorded: row.recorded()?,
    })
}

fn relationship(row: &mut Cursor<'_>) -> Result<Relationship, Fault> {
    let relationship = Relationship {
        relationship_id: row.required()?,
        kind: row.kind()?,
        patient_id: row.required()?,
        holder: match (row.text(), row.text()) {
            (Some(user), None) => Holder::User(user),
            (None, Some(department)) => Holder::Department(department),
            (Some(_), Some(_)) => {
                return Err(Fault::new(
                    RejectCode::InvalidValue,
                    "user_id and department are both given: a relationship names exactly one of them",
                ));
            }
            (None, None) => {
                return Err(Fault::new(
                    RejectCode::MissingField,
                    "user_id and department are both missing: a relationship names exactly one of them",
                ));
            }
        },
        starts_at: row.required_instant()?,
        ends_at: row.instant()?,
        recorded_by: row.text(),
        encounter_id: row.text(),
        recorded: row.recorded()?,
    };
    in_order(relationship.starts_at, relationship.ends_at)?;
    Ok(relationship)
}

fn shift(row: &mut Cursor<'_>) -> Result<Shift, Fault> {
    let shift = Shift {
        shift_id: row.text(),
        user_id: row.required()?,
        department: row.required()?,
        starts_at: row.required_instant()?,
        ends_at: row.required_instant()?,
        recorded: row.recorded()?,
    };
    in_order(shift.starts_at, Some(shift.ends_at))?;
    Ok(shift)
}

fn feed_status(row: &mut Cursor<'_>) -> Result<FeedStatus, Fault> {
    let status = FeedStatus {
        feed: row.text(),
        department: row.text(),
        is_up: match row.cell().to_ascii_lowercase().as_str() {
            "up" => true,
            "down" => false,
            "" => return Err(Fault::missing("status")),
            _ => return Err(Fault::invalid("status", "up or down")),
        },
        starts_at: row.required_instant()?,
        ends_at: row.instant()?,
        recorded: row.recorded()?,
    };
    in_order(status.starts_at, status.ends_at)?;
    Ok(status)
}

fn in_order(starts_at: Timestamp, ends_at: Option<Timestamp>) -> Result<(), Fault> {
    match ends_at {
        Some(ends_at) if ends_at < starts_at => {
            Err(Fault::new(RejectCode::InvalidValue, "ends_at lies before starts_at"))
        }
        _ => Ok(()),
    }
}

/// Takes the cells of a row one after another.
struct Cursor<'a> {
    columns: &'static [&'static str],
    cells: &'a [&'a str],
    at: usize,
    clock: &'a mut LocalClock,
}

impl<'a> Cursor<'a> {
    /// The next cell; empty = missing.
    fn cell(&mut self) -> &'a str {
        let cell = self.cells.get(self.at).map_or("", |cell| clean(cell));
        self.at += 1;
        cell
    }

    /// The name of the column that was taken last.
    fn name(&self) -> &'static str {
        self.columns.get(self.at - 1).copied().unwrap_or_default()
    }

    fn text(&mut self) -> Option<String> {
        let cell = self.cell();
        (!cell.is_empty()).then(|| cell.to_owned())
    }

    fn required(&mut self) -> Result<String, Fault> {
        self.text().ok_or_else(|| Fault::missing(self.name()))
    }

    /// Several values separated by `|`.
    fn texts(&mut self) -> Vec<String> {
        self.cell().split('|').map(clean).filter(|value| !value.is_empty()).map(str::to_owned).collect()
    }

    fn date(&mut self) -> Result<Option<Date>, Fault> {
        let cell = self.cell();
        if cell.is_empty() {
            return Ok(None);
        }
        read_date(cell).map(Some).ok_or_else(|| Fault::invalid(self.name(), DATE))
    }

    fn instant(&mut self) -> Result<Option<Timestamp>, Fault> {
        let cell = self.cell();
        if cell.is_empty() {
            return Ok(None);
        }
        self.clock.instant(cell).map(Some).ok_or_else(|| Fault::invalid(self.name(), INSTANT))
    }

    fn required_instant(&mut self) -> Result<Timestamp, Fault> {
        self.instant()?.ok_or_else(|| Fault::missing(self.name()))
    }

    /// A boolean; missing = no.
    fn switch(&mut self) -> Result<bool, Fault> {
        let cell = self.cell();
        if cell.is_empty() {
            return Ok(false);
        }
        read_bool(cell).ok_or_else(|| Fault::invalid(self.name(), "true or false"))
    }

    fn kind(&mut self) -> Result<RelationshipKind, Fault> {
        let cell = self.cell();
        if cell.is_empty() {
            return Err(Fault::missing(self.name()));
        }
        RelationshipKind::from_name(cell).ok_or_else(|| {
            let names = RelationshipKind::ALL.map(RelationshipKind::name).join(", ");
            Fault::invalid(self.name(), &format!("one of {names}"))
        })
    }

    fn recorded(&mut self) -> Result<Recorded, Fault> {
        Ok(Recorded { at: self.instant()?, withdrawn_at: self.instant()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::context::key;
    use crate::model::time::Zone;

    fn read(table: Table, fields: &[(&str, &str)]) -> Result<ContextRecord, Fault> {
        let cells: Vec<&str> = columns(table)
            .iter()
            .map(|column| fields.iter().find(|(name, _)| name == column).map_or("", |(_, value)| *value))
            .collect();
        record(table, &cells, &mut LocalClock::new(Zone::named("America/Los_Angeles").unwrap()))
    }

    /// Every column of every table ends in the field of its name.
    #[test]
    fn columns_and_builders_have_one_order() {
        for table in Table::ALL {
            let value = |column: &'static str| match column {
                name if name.ends_with("_at") && !name.starts_with("ends") => "2026-06-01T07:00:00Z",
                "ends_at" => "2026-06-02T07:00:00Z",
                name if name.ends_with("_on") || name == "birth_date" => "2026-06-01",
                name if name.starts_with("is_") => "yes",
                "kind" => "consult",
                "department" if table == Table::Relationships => "",
                name => name,
            };
            let fields: Vec<_> = columns(table).iter().map(|column| (*column, value(column))).collect();
            let shown = format!("{:?}", read(table, &fields).unwrap());
            for (column, value) in fields {
                let expected = match column {
                    "user_id" if table == Table::Relationships => "holder: User(\"user_id\")".to_owned(),
                    "previous_family_names" => format!("{column}: [\"{column}\"]"),
                    "recorded_at" => "at: Some(2026-06-01".to_owned(),
                    name if value == name && shown.contains(&format!(" {name}: Some")) => {
                        format!(" {name}: Some(\"{name}\")")
                    }
                    name if value == name => format!(" {name}: \"{name}\""),
                    _ => continue,
                };
                assert!(shown.contains(&expected), "{table}: {expected} not in {shown}");
            }
        }
    }

    #[test]
    fn several_values_stand_in_one_cell_of_a_multi_valued_column_only() {
        let Ok(ContextRecord::Patient(patient)) =
            read(Table::Patients, &[("patient_id", "p|1"), ("previous_family_names", "Abe| | Cole ")])
        else {
            panic!("a patient")
        };
        assert_eq!(patient.patient_id, "p|1");
        assert_eq!(patient.previous_family_names, ["Abe", "Cole"]);
    }

    #[test]
    fn a_relationship_names_exactly_one_holder_and_ends_after_it_starts() {
        let least =
            [("relationship_id", "r1"), ("kind", "Order"), ("patient_id", "p1"), ("starts_at", "2026-06-01T07:00:00Z")];
        let with = |more: &[(&'static str, &'static str)]| read(Table::Relationships, &[&least[..], more].concat());
        assert!(matches!(
            with(&[("department", "ICU")]),
            Ok(ContextRecord::Relationship(Relationship { holder: Holder::Department(_), ends_at: None, .. }))
        ));
        let both = with(&[("department", "ICU"), ("user_id", "u1")]).unwrap_err();
        assert_eq!(both.reason, RejectCode::InvalidValue);
        assert_eq!(with(&[]).unwrap_err().reason, RejectCode::MissingField);
        let reversed = with(&[("user_id", "u1"), ("ends_at", "2026-05-01T07:00:00Z")]).unwrap_err();
        assert_eq!(reversed, Fault::new(RejectCode::InvalidValue, "ends_at lies before starts_at"));
    }

    #[test]
    fn values_that_cannot_be_read_are_named() {
        for (table, field, value) in [
            (Table::Workforce, "hired_on", "01.06.2026"),
            (Table::Patients, "is_vip", "maybe"),
            (Table::Patients, "recorded_at", "yesterday"),
        ] {
            let fault = read(table, &[("user_id", "u1"), ("patient_id", "p1"), (field, value)]).unwrap_err();
            assert_eq!(fault.reason, RejectCode::InvalidValue);
            assert!(fault.sentence.starts_with(field) && !fault.sentence.contains(value), "{}", fault.sentence);
        }
        assert_eq!(read(Table::Workforce, &[]).unwrap_err(), Fault::missing("user_id"));
    }

    #[test]
    fn a_shift_without_id_is_known_by_what_it_says() {
        let shift = |ends: &'static str, recorded: &'static str| {
            let record = read(
                Table::Shifts,
                &[
                    ("user_id", "u1"),
                    ("department", "ICU"),
                    ("starts_at", "2026-06-01T07:00:00Z"),
                    ("ends_at", ends),
                    ("recorded_at", recorded),
                ],
            );
            key(Table::Shifts, &record.unwrap())
        };
        assert_eq!(shift("2026-06-01T19:00:00Z", ""), shift("2026-06-01T19:00:00Z", "2026-06-02T00:00:00Z"));
        assert_ne!(shift("2026-06-01T19:00:00Z", ""), shift("2026-06-01T20:00:00Z", ""));
        assert!(shift("2026-06-01T19:00:00Z", "").starts_with("shifts/"));
    }
}
