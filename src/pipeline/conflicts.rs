//! Two rows of one table that claim the same id at the same time and say different things.
//!
//! Which one is right only the source knows. The later row counts; what is wrong is counted and told with its place.

use std::hash::{Hash, Hasher};

use hashbrown::HashMap;
use rustc_hash::{FxBuildHasher, FxHasher};

use crate::decode::context::Table;
use crate::model::context::{ContextRecord, ContextUpdate};

/// A row that contradicts an earlier one of the same file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict {
    pub table: Table,
    pub line: u64,
    /// The line of the earlier row.
    pub earlier: u64,
}

/// What is kept of a row: its identity, its content and its line.
pub(super) type Seen = (u64, u64, u64);

/// What is kept of a row about a person; other tables have versions without dates of their own.
pub(super) fn seen(update: &ContextUpdate, line: u64) -> Option<Seen> {
    let hash_of = |value: &dyn Fn(&mut FxHasher)| {
        let mut hasher = FxHasher::default();
        value(&mut hasher);
        hasher.finish()
    };
    let (recorded, content) = match update.record.as_ref()? {
        ContextRecord::Workforce(member) => (member.recorded, hash_of(&|hasher| member.hash(hasher))),
        ContextRecord::Patient(patient) => (patient.recorded, hash_of(&|hasher| patient.hash(hasher))),
        _ => return None,
    };
    Some((hash_of(&|hasher| (&update.key, recorded.at).hash(hasher)), content, line))
}

/// The rows of a table, as they come.
#[derive(Debug, Default)]
pub(super) struct Rows(HashMap<u64, (u64, u64), FxBuildHasher>);

impl Rows {
    /// Takes rows in; tells those that contradict earlier ones.
    pub(super) fn add(&mut self, table: Table, rows: Vec<Seen>, found: &mut Vec<Conflict>) {
        self.0.reserve(rows.len());
        for (identity, content, line) in rows {
            match self.0.insert(identity, (content, line)) {
                Some((other, earlier)) if other != content => found.push(Conflict { table, line, earlier }),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::context::{Patient, Recorded};
    use crate::model::time::Timestamp;

    fn row(patient_id: &str, family: &str, recorded: Option<i64>, line: u64) -> Seen {
        let patient = Patient {
            patient_id: patient_id.to_owned(),
            family_name: Some(family.to_owned()),
            recorded: Recorded { at: recorded.map(Timestamp), withdrawn_at: None },
            ..Patient::default()
        };
        let update = ContextUpdate {
            key: patient_id.to_owned(),
            record: Some(ContextRecord::Patient(patient)),
            withdrawn_at: Timestamp::MAX,
        };
        seen(&update, line).unwrap()
    }

    #[test]
    fn another_person_under_the_same_id_is_a_conflict_and_a_version_or_a_copy_is_none() {
        let (mut rows, mut found) = (Rows::default(), Vec::new());
        let first = vec![row("p1", "Roe", None, 2), row("p1", "Roe", None, 3), row("p1", "Doe", Some(5), 4)];
        rows.add(Table::Patients, first, &mut found);
        assert_eq!(found, []);
        rows.add(Table::Patients, vec![row("p1", "Doe", None, 9)], &mut found);
        assert_eq!(found, [Conflict { table: Table::Patients, line: 9, earlier: 3 }]);
    }
}
