//! Staff and patients, in versions.

mod records;

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::model::span::Span;
use crate::model::time::{Timestamp, Zone};

use super::dictionary::{NONE, insert_sparing};
pub use records::{Joint, Records};

/// What tells who somebody is, in numbers of the dictionary.
#[derive(Clone, Debug)]
pub struct Person {
    /// The MRN under which this person is a patient here, or [`NONE`].
    pub patient: u32,
    /// Family names, former ones included, sorted.
    pub surnames: Box<[u32]>,
    /// First given name, or [`NONE`].
    pub given_name: u32,
    /// Phone number, or [`NONE`].
    pub phone: u32,
}

/// Where somebody lives, in numbers of the dictionary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home {
    /// House and unit, or [`NONE`].
    pub dwelling: u32,
    /// Street and postal code, or [`NONE`].
    pub street: u32,
    /// House number; meaningful where the street is.
    pub house: u32,
}

impl Default for Home {
    fn default() -> Self {
        Self { dwelling: NONE, street: NONE, house: 0 }
    }
}

/// One version of a staff record.
#[derive(Clone, Debug)]
pub struct Member {
    /// Home department, or [`NONE`].
    pub department: u32,
    /// User to whom this person reports, or [`NONE`].
    pub manager: u32,
    pub home: Home,
    pub person: Person,
    /// Role text, or [`NONE`].
    pub role: u32,
    /// Number of the staff record.
    pub record: u32,
    pub hired_on: Option<Date>,
    /// Last day of work.
    pub ended_on: Option<Date>,
}

impl Member {
    /// From when until when somebody is employed. Without dates, always. A shift that begins on the last day is
    /// still worked.
    #[must_use]
    pub fn employment(&self, zone: &Zone) -> (Timestamp, Timestamp) {
        let from = self.hired_on.map_or(Timestamp::MIN, |day| zone.start_of(day));
        let end = |day: Date| zone.start_of(day.saturating_add(1.day())).plus(LAST_SHIFT.micros());
        (from, self.ended_on.map_or(Timestamp::MAX, end))
    }

    /// Whether somebody is employed at an instant.
    #[must_use]
    pub fn works_at(&self, at: Timestamp, zone: &Zone) -> bool {
        let (from, until) = self.employment(zone);
        from <= at && at < until
    }
}

/// How long a night shift that begins on the last day of work goes on after it.
const LAST_SHIFT: Span = Span::hours(9);

/// One version of a patient's demographics.
#[derive(Clone, Debug)]
pub struct Chart {
    pub surnames: Box<[u32]>,
    pub home: Home,
    pub is_vip: bool,
    pub is_restricted: bool,
    pub is_decoy: bool,
    /// The number under which this patient goes on, or [`NONE`].
    pub merged_into: u32,
    pub deceased_on: Option<Date>,
}

impl Chart {
    /// Whether every access deserves the full look, also one that a relationship explains.
    #[must_use]
    pub const fn is_sensitive(&self) -> bool {
        self.is_restricted || self.is_decoy
    }
}

/// Versions of one record, each known from an instant until the next one or its withdrawal.
#[derive(Debug)]
struct Versions<T>(Vec<Version<T>>);

#[derive(Debug)]
struct Version<T> {
    known_from: Timestamp,
    withdrawn_at: Timestamp,
    value: T,
}

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Versions<T> {
    /// Adds a version; one that is known from the same instant is replaced.
    fn insert(&mut self, known_from: Timestamp, withdrawn_at: Timestamp, value: T) {
        let version = Version { known_from, withdrawn_at, value };
        match self.0.binary_search_by_key(&known_from, |old| old.known_from) {
            Ok(place) => self.0[place] = version,
            Err(place) => insert_sparing(&mut self.0, place, version),
        }
    }

    /// Takes the whole record back from `at` on.
    fn withdraw(&mut self, at: Timestamp) {
        for version in &mut self.0 {
            version.withdrawn_at = version.withdrawn_at.min(at);
        }
    }

    /// The instant from which the only version is known, where there is one and nobody took it back.
    fn known_since(&self) -> Option<Timestamp> {
        match self.0.as_slice() {
            [version] if version.withdrawn_at == Timestamp::MAX => Some(version.known_from),
            _ => None,
        }
    }

    /// The version that was in force at an access, seen from `now`: the last one known by then; for an
    /// access before the record was known, the first one known since.
    fn in_force(&self, at: Timestamp, now: Timestamp) -> Option<&Version<T>> {
        let by_then = self.0.iter().rev().find(|version| version.known_from <= at.min(now));
        let since = || self.0.iter().find(|version| version.known_from <= now);
        by_then.or_else(since).filter(|version| now < version.withdrawn_at)
    }

    /// The newest version known by `now`: what it says of the past corrects what was said before.
    fn newest(&self, now: Timestamp) -> Option<&Version<T>> {
        let known = self.0.iter().rev().find(|version| version.known_from <= now);
        known.filter(|version| now < version.withdrawn_at)
    }

    /// Every version, oldest first.
    fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|version| &version.value)
    }

    /// Every version known by `now`, oldest first.
    fn known(&self, now: Timestamp) -> impl Iterator<Item = &T> {
        self.0
            .iter()
            .filter(move |version| version.known_from <= now && now < version.withdrawn_at)
            .map(|version| &version.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_the_access_is_in_force() {
        let mut versions = Versions::default();
        versions.insert(Timestamp(20), Timestamp::MAX, "ward b");
        versions.insert(Timestamp(10), Timestamp::MAX, "ward a");
        let in_force = |versions: &Versions<&'static str>, at: i64, now: i64| {
            versions.in_force(Timestamp(at), Timestamp(now)).map(|version| version.value)
        };
        assert_eq!(in_force(&versions, 15, 30), Some("ward a"));
        assert_eq!(in_force(&versions, 25, 30), Some("ward b"));
        assert_eq!(in_force(&versions, 5, 30), Some("ward a"));
        assert_eq!(in_force(&versions, 5, 7), None);
        assert_eq!(versions.known(Timestamp(15)).count(), 1);
        versions.withdraw(Timestamp(40));
        assert_eq!(in_force(&versions, 25, 40), None);
    }
}
