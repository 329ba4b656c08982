//! What a decoder counted. Workers count apart and are added up.

use std::collections::BTreeMap;

use super::format::Format;
use crate::model::reject::RejectCode;

/// Names of unknown fields beyond this many are counted together, so that a hostile log cannot
/// fill the memory with names.
const MAX_NAMES: usize = 1_000;
const OTHER_NAMES: &str = "(other)";

/// Counts of one decoder, or of several added up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records read, rejected ones included.
    pub records: u64,
    /// Accesses decoded: one for each patient of a record, or one without a patient.
    pub accesses: u64,
    pub context_updates: u64,
    pub rejects: BTreeMap<RejectCode, u64>,
    /// Records in which a field stood that chartsentry does not know, by the field's name.
    pub unknown_fields: BTreeMap<String, u64>,
    /// Local times of an hour that occurs twice; the first was taken.
    pub local_repeated: u64,
    /// Local times of an hour that does not exist; moved forward.
    pub local_skipped: u64,
    /// Events without a time of their own that took the one of the syslog header.
    pub times_from_header: u64,
    /// Ids of users, and of patients, in whose place the crosswalk put another.
    pub users_renamed: u64,
    pub patients_renamed: u64,
    formats: [u64; Format::ALL.len()],
}

impl Counters {
    /// Records by format; formats without a record are left out.
    #[must_use]
    pub fn formats(&self) -> BTreeMap<Format, u64> {
        Format::ALL.into_iter().zip(self.formats).filter(|(_, count)| *count > 0).collect()
    }

    /// All rejects together.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejects.values().sum()
    }

    /// Counts `count` records of a format.
    pub(super) const fn add_records(&mut self, format: Format, count: u64) {
        self.records += count;
        self.formats[format as usize] += count;
    }

    pub(super) fn add_reject(&mut self, reason: RejectCode) {
        *self.rejects.entry(reason).or_default() += 1;
    }

    /// Counts an unknown field of `count` records.
    pub(super) fn add_unknown(&mut self, name: &str, count: u64) {
        if let Some(sum) = self.unknown_fields.get_mut(name) {
            *sum += count;
            return;
        }
        let name = if self.unknown_fields.len() < MAX_NAMES { name } else { OTHER_NAMES };
        *self.unknown_fields.entry(name.to_owned()).or_default() += count;
    }

    /// Adds another decoder's counts.
    pub fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.accesses += other.accesses;
        self.context_updates += other.context_updates;
        self.local_repeated += other.local_repeated;
        self.local_skipped += other.local_skipped;
        self.times_from_header += other.times_from_header;
        self.users_renamed += other.users_renamed;
        self.patients_renamed += other.patients_renamed;
        for (sum, count) in self.formats.iter_mut().zip(other.formats) {
            *sum += count;
        }
        for (reason, count) in &other.rejects {
            *self.rejects.entry(*reason).or_default() += count;
        }
        for (name, count) in &other.unknown_fields {
            self.add_unknown(name, *count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_and_names_are_bounded() {
        let mut one = Counters::default();
        one.add_records(Format::CanonicalCsv, 3);
        one.add_reject(RejectCode::Future);
        (one.users_renamed, one.patients_renamed) = (4, 5);
        for name in 0..MAX_NAMES + 5 {
            one.add_unknown(&name.to_string(), 1);
        }
        assert_eq!(one.unknown_fields.len(), MAX_NAMES + 1);
        assert_eq!(one.unknown_fields[OTHER_NAMES], 5);

        let mut sum = one.clone();
        sum.add(&one);
        assert_eq!((sum.records, sum.rejected()), (6, 2));
        assert_eq!((sum.users_renamed, sum.patients_renamed), (8, 10));
        assert_eq!(sum.formats(), BTreeMap::from([(Format::CanonicalCsv, 6)]));
        assert_eq!(sum.unknown_fields["7"], 2);
    }
}
