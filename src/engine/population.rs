//! How common a family name, an address or a mark is among the patients of this hospital.
//!
//! Chance is local: a shared "Smith" says little, a shared address in a nursing home says nothing.
//! Counts are taken at the local midnight before an access and frozen until the next, so a weight
//! does not move within a day nor with the order in which records arrive. Nothing is recounted:
//! each key keeps the sorted instants at which its holders became known, and a count is a search.

use crate::model::time::Timestamp;

use super::dictionary::{grown, insert_sparing};

/// Sorted instants with a cheap path for appending.
#[derive(Debug, Default)]
struct Known(Vec<Timestamp>);

impl Known {
    fn insert(&mut self, at: Timestamp) {
        let place = self.0.partition_point(|&old| old <= at);
        insert_sparing(&mut self.0, place, at);
    }

    /// Appends without keeping the order; [`Known::sort`] restores it.
    fn push(&mut self, at: Timestamp) {
        self.0.push(at);
    }

    fn sort(&mut self) {
        if !self.0.is_sorted() {
            self.0.sort_unstable();
        }
    }

    fn by(&self, at: Timestamp) -> u32 {
        self.0.partition_point(|&known| known <= at) as u32
    }
}

/// What patients are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trait {
    /// Carries a family name.
    Surname(u32),
    /// Lives at a dwelling.
    Dwelling(u32),
    /// Lives in a street.
    Street(u32),
    /// Works here, in a department.
    Department(u32),
    Vip,
    Restricted,
}

/// Counts of patients.
#[derive(Debug, Default)]
pub struct Population {
    everyone: Known,
    surnames: Vec<Known>,
    dwellings: Vec<Known>,
    streets: Vec<Known>,
    departments: Vec<Known>,
    vips: Known,
    restricted: Known,
}

impl Population {
    /// A patient became known. [`Population::seal`] must follow before the next count.
    pub(super) fn add_patient(&mut self, known_from: Timestamp) {
        self.everyone.push(known_from);
    }

    /// Makes the patients added since the last call count.
    pub(super) fn seal(&mut self) {
        self.everyone.sort();
    }

    /// A patient became known to have a trait.
    pub(super) fn add(&mut self, of: Trait, known_from: Timestamp) {
        let known = match of {
            Trait::Surname(key) => grown(&mut self.surnames, key),
            Trait::Dwelling(key) => grown(&mut self.dwellings, key),
            Trait::Street(key) => grown(&mut self.streets, key),
            Trait::Department(key) => grown(&mut self.departments, key),
            Trait::Vip => &mut self.vips,
            Trait::Restricted => &mut self.restricted,
        };
        known.insert(known_from);
    }

    /// Patients known by then.
    #[must_use]
    pub fn patients(&self, by: Timestamp) -> u32 {
        self.everyone.by(by)
    }

    /// Patients known by then to have a trait.
    #[must_use]
    pub fn with(&self, of: Trait, by: Timestamp) -> u32 {
        let known = match of {
            Trait::Surname(key) => self.surnames.get(key as usize),
            Trait::Dwelling(key) => self.dwellings.get(key as usize),
            Trait::Street(key) => self.streets.get(key as usize),
            Trait::Department(key) => self.departments.get(key as usize),
            Trait::Vip => Some(&self.vips),
            Trait::Restricted => Some(&self.restricted),
        };
        known.map_or(0, |known| known.by(by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_their_time() {
        let mut population = Population::default();
        for at in [30, 10, 20] {
            population.add_patient(Timestamp(at));
            population.add(Trait::Surname(7), Timestamp(at));
        }
        population.add_patient(Timestamp::MIN);
        population.seal();
        assert_eq!(population.patients(Timestamp(5)), 1);
        assert_eq!(population.patients(Timestamp(20)), 3);
        assert_eq!(population.with(Trait::Surname(7), Timestamp(20)), 2);
        assert_eq!(population.with(Trait::Surname(8), Timestamp(20)), 0);
    }
}
