//! What several records say of one person or one patient.
//!
//! Systems tell of the same person under keys of their own: the staff office and a directory, registration and a FHIR
//! server, two ids that a crosswalk made one. Each record has its versions, and taking one back leaves the others.
//! What is in force is what they say together: the one that was known last comes first, of those known from the same
//! instant the first by its key, and the others fill in what it leaves open. So nothing depends on the order in which
//! they came.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{Chart, Home, Member, Person, Version, Versions};
use crate::engine::dictionary::NONE;
use crate::model::time::Timestamp;

/// Somebody of whom several records may tell.
pub trait Joint: Clone {
    /// What this record says, and what it leaves open from the `others`, the first of which counts most.
    #[must_use]
    fn join(&self, others: &[&Self]) -> Self;
}

/// The records of one person or patient: nearly everybody has one.
#[derive(Debug)]
pub struct Records<T> {
    /// Number of the record whose versions are `first`; [`NONE`] = there is none yet.
    record: u32,
    first: Versions<T>,
    /// The records whose keys come after it, in the order of the keys.
    others: Vec<(u32, Versions<T>)>,
}

impl<T> Default for Records<T> {
    fn default() -> Self {
        Self { record: NONE, first: Versions::default(), others: Vec::new() }
    }
}

impl<T: Joint> Records<T> {
    /// Adds a version of a record, known from the one instant until the other. `comes_before` tells whether the
    /// record's key comes before that of another record.
    pub(in crate::engine) fn insert(
        &mut self,
        record: u32,
        (known_from, withdrawn_at): (Timestamp, Timestamp),
        value: T,
        comes_before: impl Fn(u32) -> bool,
    ) {
        self.versions_of(record, comes_before).insert(known_from, withdrawn_at, value);
    }

    fn versions_of(&mut self, record: u32, comes_before: impl Fn(u32) -> bool) -> &mut Versions<T> {
        if self.record == NONE {
            self.record = record;
        }
        if self.record == record {
            return &mut self.first;
        }
        if let Some(place) = self.others.iter().position(|(other, _)| *other == record) {
            return &mut self.others[place].1;
        }
        if comes_before(self.record) {
            let first = std::mem::take(&mut self.first);
            self.others.insert(0, (std::mem::replace(&mut self.record, record), first));
            return &mut self.first;
        }
        let place = self.others.partition_point(|(other, _)| !comes_before(*other));
        self.others.insert(place, (record, Versions::default()));
        &mut self.others[place].1
    }

    /// Takes one record back from `at` on.
    pub(in crate::engine) fn withdraw(&mut self, record: u32, at: Timestamp) {
        if self.record == record {
            self.first.withdraw(at);
        }
        self.others.iter_mut().filter(|(other, _)| *other == record).for_each(|(_, versions)| versions.withdraw(at));
    }

    /// What was in force at an access, seen from `now`. Of each record that is the last version known by then; for an
    /// access before the record was known, the first one known since.
    #[must_use]
    pub fn in_force(&self, at: Timestamp, now: Timestamp) -> Option<Cow<'_, T>> {
        self.joined(|versions| versions.in_force(at, now))
    }

    /// What is known by `now`: it corrects what was said before of the past.
    #[must_use]
    pub fn newest(&self, now: Timestamp) -> Option<Cow<'_, T>> {
        self.joined(|versions| versions.newest(now))
    }

    /// What holds from an instant on, with that instant, where no record has a second version and nobody took one back.
    pub(in crate::engine) fn lasting(&self) -> Option<(Timestamp, Cow<'_, T>)> {
        let since = self.each().map(Versions::known_since).collect::<Option<Vec<_>>>()?.into_iter().max()?;
        Some((since, self.newest(since)?))
    }

    fn joined<'r>(&'r self, pick: impl Fn(&'r Versions<T>) -> Option<&'r Version<T>>) -> Option<Cow<'r, T>> {
        if self.others.is_empty() {
            return pick(&self.first).map(|version| Cow::Borrowed(&version.value));
        }
        let mut found: Vec<&Version<T>> = self.each().filter_map(pick).collect();
        found.sort_by_key(|version| Reverse(version.known_from));
        let parts: Vec<&T> = found.into_iter().map(|version| &version.value).collect();
        match parts.as_slice() {
            [] => None,
            [only] => Some(Cow::Borrowed(*only)),
            [first, others @ ..] => Some(Cow::Owned(first.join(others))),
        }
    }
}

impl<T> Records<T> {
    fn each(&self) -> impl Iterator<Item = &Versions<T>> {
        std::iter::once(&self.first).chain(self.others.iter().map(|(_, versions)| versions))
    }

    /// Whether any record is known by `now` and stands.
    #[must_use]
    pub fn is_known(&self, now: Timestamp) -> bool {
        self.each().any(|versions| versions.newest(now).is_some())
    }

    /// Every version of every record.
    pub(in crate::engine) fn all(&self) -> impl Iterator<Item = &T> {
        self.each().flat_map(Versions::all)
    }

    /// Every version of every record that is known by `now`.
    pub fn known(&self, now: Timestamp) -> impl Iterator<Item = &T> {
        self.each().flat_map(move |versions| versions.known(now))
    }
}

impl Joint for Member {
    fn join(&self, others: &[&Self]) -> Self {
        let parts: Vec<&Self> = std::iter::once(self).chain(others.iter().copied()).collect();
        let first = |number: fn(&Self) -> u32| first_known(parts.iter().map(|part| number(part)));
        let (hired_on, ended_on) = employment(&parts);
        let post = post(&parts).unwrap_or(self);
        let (role, record) = match post.role {
            // A role is proven by the record that tells it.
            NONE => parts.iter().find(|part| part.role != NONE).map_or((NONE, post.record), |of| (of.role, of.record)),
            role => (role, post.record),
        };
        Self {
            department: if post.department == NONE { first(|part| part.department) } else { post.department },
            manager: first(|part| part.manager),
            home: first_home(parts.iter().map(|part| part.home)),
            person: Person {
                patient: first(|part| part.person.patient),
                surnames: all_of(parts.iter().map(|part| &*part.person.surnames)),
                given_name: first(|part| part.person.given_name),
                phone: first(|part| part.person.phone),
            },
            role,
            record,
            hired_on,
            ended_on,
        }
    }
}

/// The record that says what somebody does: a member has one role and one department, so of several posts one that has
/// not ended counts, the first of them.
fn post<'m>(parts: &[&'m Member]) -> Option<&'m Member> {
    let posts = || parts.iter().copied().filter(|part| part.department != NONE || part.role != NONE);
    posts().find(|part| part.ended_on.is_none()).or_else(|| posts().next())
}

/// First and last day of work, as the first record tells them that tells either. Who works in two departments begins
/// with the first post and ends with the last, and who came back after the end works again.
fn employment(parts: &[&Member]) -> (Option<Date>, Option<Date>) {
    let dated = || parts.iter().filter(|part| part.hired_on.is_some() || part.ended_on.is_some());
    let Some(first) = dated().next() else { return (None, None) };
    dated().skip(1).fold((first.hired_on, first.ended_on), |(hired_on, ended_on), other| {
        let is_elsewhere = [first.department, other.department].iter().all(|department| *department != NONE)
            && first.department != other.department;
        let came_back = ended_on.zip(other.hired_on).is_some_and(|(ended, hired)| hired > ended);
        if !is_elsewhere && !came_back {
            return (hired_on, ended_on);
        }
        let since = hired_on.zip(other.hired_on).map(|(one, two)| one.min(two));
        (since, ended_on.zip(other.ended_on).map(|(one, two)| one.max(two)))
    })
}

impl Joint for Chart {
    fn join(&self, others: &[&Self]) -> Self {
        let parts: Vec<&Self> = std::iter::once(self).chain(others.iter().copied()).collect();
        Self {
            surnames: all_of(parts.iter().map(|part| &*part.surnames)),
            home: first_home(parts.iter().map(|part| part.home)),
            is_vip: parts.iter().any(|part| part.is_vip),
            is_restricted: parts.iter().any(|part| part.is_restricted),
            is_decoy: parts.iter().any(|part| part.is_decoy),
            merged_into: first_known(parts.iter().map(|part| part.merged_into)),
            deceased_on: parts.iter().find_map(|part| part.deceased_on),
        }
    }
}

fn first_known(mut numbers: impl Iterator<Item = u32>) -> u32 {
    numbers.find(|number| *number != NONE).unwrap_or(NONE)
}

fn first_home(mut homes: impl Iterator<Item = Home>) -> Home {
    homes.find(|home| *home != Home::default()).unwrap_or_default()
}

fn all_of<'k>(keys: impl Iterator<Item = &'k [u32]>) -> Box<[u32]> {
    keys.flatten().copied().collect::<BTreeSet<u32>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const EVER: (Timestamp, Timestamp) = (Timestamp::MIN, Timestamp::MAX);

    fn chart(surname: u32, is_vip: bool) -> Chart {
        Chart {
            surnames: Box::new([surname]),
            home: Home::default(),
            is_vip,
            is_restricted: false,
            is_decoy: false,
            merged_into: NONE,
            deceased_on: None,
        }
    }

    fn member(department: u32, role: u32, record: u32) -> Member {
        Member {
            department,
            manager: NONE,
            home: Home::default(),
            person: Person { patient: NONE, surnames: Box::new([record]), given_name: NONE, phone: NONE },
            role,
            record,
            hired_on: None,
            ended_on: None,
        }
    }

    /// Records whose keys come in the order of their numbers.
    fn records<T: Joint>(all: impl IntoIterator<Item = (u32, (Timestamp, Timestamp), T)>) -> Records<T> {
        let mut records = Records::default();
        for (record, known, value) in all {
            records.insert(record, known, value, |other| record < other);
        }
        records
    }

    #[test]
    fn two_records_say_together_what_each_leaves_open() {
        let staff = records([(1, EVER, member(7, NONE, 1)), (2, EVER, member(NONE, 9, 2))]);
        let joined = staff.newest(Timestamp(0)).unwrap();
        assert_eq!((joined.department, joined.role, joined.record), (7, 9, 2));
        assert_eq!(*joined.person.surnames, [1, 2]);
    }

    #[test]
    fn the_order_in_which_records_came_does_not_show() {
        let of = |number: u32| (number, EVER, member(number, number, number));
        for order in [[1, 2, 3], [3, 2, 1], [2, 3, 1]] {
            assert_eq!(records(order.map(of)).newest(Timestamp(0)).unwrap().department, 1, "{order:?}");
        }
    }

    #[test]
    fn the_record_that_was_known_last_comes_first() {
        let later = (Timestamp(20), Timestamp::MAX);
        let staff = records([(1, EVER, member(7, NONE, 1)), (2, later, member(8, NONE, 2))]);
        assert_eq!(staff.newest(Timestamp(10)).unwrap().department, 7);
        assert_eq!(staff.newest(Timestamp(20)).unwrap().department, 8);
        assert_eq!(staff.in_force(Timestamp(10), Timestamp(20)).unwrap().department, 8, "known by now");
    }

    #[test]
    fn a_record_that_is_taken_back_leaves_the_other() {
        let mut charts = records([(1, EVER, chart(4, true)), (2, EVER, chart(5, false))]);
        charts.withdraw(1, Timestamp(30));
        assert!(charts.in_force(Timestamp(10), Timestamp(29)).unwrap().is_vip);
        let left = charts.in_force(Timestamp(10), Timestamp(30)).unwrap();
        assert_eq!((left.is_vip, &*left.surnames), (false, &[5][..]));
        charts.withdraw(2, Timestamp(40));
        assert!(charts.newest(Timestamp(40)).is_none() && !charts.is_known(Timestamp(40)));
    }

    #[test]
    fn what_lasts_is_known_once_every_record_is() {
        let later = (Timestamp(20), Timestamp::MAX);
        let mut charts = records([(1, EVER, chart(4, false)), (2, later, chart(5, true))]);
        assert_eq!(charts.lasting().map(|(since, chart)| (since, chart.is_vip)), Some((Timestamp(20), true)));
        charts.insert(1, later, chart(6, false), |other| 1 < other);
        assert!(charts.lasting().is_none());
        assert!(Records::<Chart>::default().lasting().is_none());
    }

    #[test]
    fn who_left_one_post_works_on_in_the_other_and_who_came_back_works_again() {
        let [first, last, back] = [date(2010, 1, 1), date(2015, 1, 1), date(2024, 1, 1)];
        let of = |department: u32, hired_on: Option<Date>, ended_on: Option<Date>| {
            let role = if department == NONE { NONE } else { department + 1 };
            Member { hired_on, ended_on, ..member(department, role, department) }
        };
        let left = of(4, Some(first), Some(last));
        let joined = |one: &Member, other: Member| {
            let joined = one.join(&[&other]);
            (joined.department, joined.hired_on, joined.ended_on)
        };
        assert_eq!(joined(&left, of(5, Some(first), None)), (5, Some(first), None), "elsewhere");
        assert_eq!(joined(&left, of(4, Some(back), None)), (4, Some(first), None), "came back");
        assert_eq!(joined(&left, of(4, Some(back), Some(back))), (4, Some(first), Some(back)), "and left again");
        assert_eq!(
            joined(&left, of(4, Some(first), None)),
            (4, Some(first), Some(last)),
            "an older word of the same post"
        );
        assert_eq!(joined(&left, of(NONE, None, None)), (4, Some(first), Some(last)), "a record without dates");
        assert_eq!(joined(&of(NONE, None, Some(last)), of(4, None, None)), (4, None, Some(last)));
    }

    #[test]
    fn role_and_department_are_of_one_post_where_it_tells_both() {
        let joined = member(NONE, 9, 1).join(&[&member(7, 8, 2)]);
        assert_eq!((joined.department, joined.role, joined.record), (7, 9, 1));
        let ended = Member { ended_on: Some(date(2015, 1, 1)), ..member(7, 8, 1) };
        let joined = ended.join(&[&member(5, 6, 2)]);
        assert_eq!((joined.department, joined.role, joined.record), (5, 6, 2));
    }
}
