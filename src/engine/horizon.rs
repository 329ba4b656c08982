//! The accesses of the last settle window, so that a fact that arrives late can change its mind about
//! them, and so that a copy of an event is recognised.

use std::collections::VecDeque;

use crate::model::time::{HOUR, Timestamp};

use super::access::{Access, Rows, Standing};
use super::dictionary::{NONE, hash_text};
use super::sieve::Sieve;

/// Rows of one bucket. Buckets leave as a whole.
const BUCKET: usize = 4096;

/// A row of each user is marked for each such time, as a place to begin.
const MARK: i64 = 12 * HOUR;

/// Marks that are kept of each user.
const MARKS: usize = 10;

/// Empty buckets that are kept to be filled again.
const SPARE: usize = 32;

#[derive(Debug, Default)]
struct Bucket {
    rows: Rows,
    newest: Timestamp,
}

/// The last settle window of one shard. Rows are numbered in the order in which they came; the number
/// wraps around, and one that is no longer here is simply not found.
#[derive(Debug, Default)]
pub(super) struct Horizon {
    buckets: VecDeque<Bucket>,
    first: u32,
    /// Identities of the rows held, and perhaps of some that are not any more.
    seen: Sieve,
    /// The first row that the young generation of `seen` holds.
    young: u32,
    /// Buckets that were let go of, to be used again: their memory is already here.
    spare: Vec<Bucket>,
    /// For each user the last row of each of the last half days.
    marks: Vec<VecDeque<(i64, u32)>>,
    newest: Timestamp,
    /// Whether a row came after a newer one: then marks may miss it.
    has_late: bool,
    last_of_patient: Vec<u32>,
    last_of_user: Vec<u32>,
}

impl Horizon {
    /// Whether an event with this identity came within `window` of `row`, and not longer ago than that.
    /// Rows that are only still here because their bucket is do not count, so that the answer does not
    /// depend on buckets.
    pub(super) fn has_copy(
        &self,
        identity: Identity,
        row: &Access,
        event_id: &str,
        now: Timestamp,
        window: i64,
    ) -> bool {
        let is_same = |number: u32| {
            let Some((old, id)) = self.find(number) else { return false };
            old.patient == row.patient
                && old.user == row.user
                && id == event_id
                && (old.at - row.at).abs() <= window
                && now.minus(window) <= old.at
        };
        self.seen.may_hold(identity.0)
            && if row.patient == NONE {
                self.of_user(row.user).any(is_same)
            } else {
                self.of_patient(row.patient).any(is_same)
            }
    }

    /// Reads where [`Horizon::has_copy`] and [`Horizon::push`] of such a row will look, so that it is near
    /// when they do.
    pub(super) fn touch(&self, identity: Identity, patient: u32) -> u64 {
        let last = self.last_of_patient.get(patient as usize).copied().unwrap_or(0);
        u64::from(last) ^ u64::from(self.seen.may_hold(identity.0))
    }

    /// Adds a row and gives its number.
    pub(super) fn push(&mut self, identity: Identity, mut row: Access, event_id: &str) -> u32 {
        if self.buckets.back().is_none_or(|bucket| bucket.rows.len() == BUCKET) {
            let mut bucket = self.spare.pop().unwrap_or_default();
            bucket.newest = Timestamp::MIN;
            bucket.rows.rows.reserve_exact(BUCKET);
            self.buckets.push_back(bucket);
        }
        let number = self.first.wrapping_add(self.len() as u32);
        row.previous_of_patient =
            if row.patient == NONE { NONE } else { replace(&mut self.last_of_patient, row.patient, number) };
        row.previous_of_user = replace(&mut self.last_of_user, row.user, number);
        self.mark(&row, number);
        if let Some(bucket) = self.buckets.back_mut() {
            bucket.newest = bucket.newest.max(row.at);
            bucket.rows.push(row, event_id);
        }
        if !self.seen.insert(identity.0) {
            let numbers = (0..=number.wrapping_sub(self.young)).map(|offset| self.young.wrapping_add(offset));
            let rows = numbers.filter_map(|number| find(&self.buckets, self.first, number));
            self.seen.renew(rows.map(|(row, event_id)| Identity::of(row, event_id).0));
        }
        number
    }

    /// How many rows are held.
    pub(super) fn len(&self) -> usize {
        self.buckets.back().map_or(0, |last| (self.buckets.len() - 1) * BUCKET + last.rows.len())
    }

    /// A row and its event id.
    pub(super) fn find(&self, number: u32) -> Option<(&Access, &str)> {
        find(&self.buckets, self.first, number)
    }

    fn row(&self, number: u32) -> Option<&Access> {
        let place = number.wrapping_sub(self.first) as usize;
        self.buckets.get(place / BUCKET)?.rows.rows.get(place % BUCKET)
    }

    /// A row to change.
    pub(super) fn find_mut(&mut self, number: u32) -> Option<&mut Access> {
        let place = number.wrapping_sub(self.first) as usize;
        self.buckets.get_mut(place / BUCKET)?.rows.rows.get_mut(place % BUCKET)
    }

    /// Everybody who ever had a row, in the order of their numbers.
    pub(super) fn users(&self) -> impl Iterator<Item = u32> {
        numbers(&self.last_of_user)
    }

    /// Every patient who ever had a row.
    pub(super) fn patients(&self) -> impl Iterator<Item = u32> {
        numbers(&self.last_of_patient)
    }

    /// The numbers of a patient's rows, newest first.
    pub(super) fn of_patient(&self, patient: u32) -> impl Iterator<Item = u32> {
        let last = self.last_of_patient.get(patient as usize).copied();
        self.chain(last, |row| row.previous_of_patient)
    }

    /// The numbers of a user's rows, newest first.
    pub(super) fn of_user(&self, user: u32) -> impl Iterator<Item = u32> {
        let last = self.last_of_user.get(user as usize).copied();
        self.chain(last, |row| row.previous_of_user)
    }

    fn mark(&mut self, row: &Access, number: u32) {
        self.has_late |= row.at < self.newest;
        self.newest = self.newest.max(row.at);
        let user = row.user as usize;
        if self.marks.len() <= user {
            self.marks.resize_with(user + 1, VecDeque::new);
        }
        let (marks, time) = (&mut self.marks[user], row.at.0.div_euclid(MARK));
        match marks.back_mut() {
            Some((last, marked)) if *last == time => *marked = number,
            _ => marks.push_back((time, number)),
        }
        if marks.len() > MARKS {
            marks.pop_front();
        }
    }

    /// A user's rows up to an instant with their numbers, newest first.
    pub(super) fn rows_until(&self, user: u32, until: Timestamp) -> impl Iterator<Item = (u32, &Access)> {
        let marks = self.marks.get(user as usize).filter(|_| !self.has_late);
        let is_before = |mark: &&(i64, u32)| mark.0 <= until.0.div_euclid(MARK);
        let marked = marks.and_then(|marks| marks.iter().rev().find(is_before)).map(|(_, number)| *number);
        let last = marked.or_else(|| self.last_of_user.get(user as usize).copied());
        let numbers = self.chain(last, |row| row.previous_of_user);
        let rows = numbers.filter_map(|number| self.row(number).map(|row| (number, row)));
        rows.skip_while(move |(_, row)| row.at > until)
    }

    /// Whether a person opened more than `usual` charts on a day that no record explains; the chart of `access`
    /// counts.
    pub(super) fn has_more_charts(&self, access: &Access, day: (Timestamp, Timestamp), usual: u32) -> bool {
        let mut charts = vec![access.patient];
        for (_, row) in self.of_day(access.user, day) {
            let is_loose = matches!(row.standing, Standing::ByRole | Standing::Held);
            if is_loose && !charts.contains(&row.patient) {
                charts.push(row.patient);
            }
            if charts.len() > usual as usize {
                return true;
            }
        }
        false
    }

    /// The numbers of a person's rows of a day that nothing but the role explains, oldest first.
    pub(super) fn by_role(&self, user: u32, day: (Timestamp, Timestamp)) -> Vec<u32> {
        let rows = self.of_day(user, day).filter(|(_, row)| row.standing == Standing::ByRole);
        let mut numbers: Vec<u32> = rows.map(|(number, _)| number).collect();
        numbers.reverse();
        numbers
    }

    fn of_day(&self, user: u32, (from, until): (Timestamp, Timestamp)) -> impl Iterator<Item = (u32, &Access)> {
        let rows = self.rows_until(user, until.minus(1));
        rows.take_while(move |(_, row)| row.at >= from)
    }

    fn chain(&self, last: Option<u32>, previous: impl Fn(&Access) -> u32) -> impl Iterator<Item = u32> {
        let held = move |number: u32| self.row(number).map(|_| number);
        let step = move |number: &u32| self.row(*number).map(&previous).and_then(held);
        std::iter::successors(last.and_then(held), step)
    }

    /// Lets go of the buckets whose every row is older than `before`, showing them once more.
    pub(super) fn retire(&mut self, before: Timestamp, mut leave: impl FnMut(&Rows)) {
        while self.buckets.front().is_some_and(|bucket| bucket.rows.len() == BUCKET && bucket.newest < before) {
            let Some(mut bucket) = self.buckets.pop_front() else { return };
            let rows = &mut bucket.rows;
            leave(rows);
            rows.clear();
            if self.spare.len() < SPARE {
                self.spare.push(bucket);
            }
            self.first = self.first.wrapping_add(BUCKET as u32);
            let is_old_gone = self.first.wrapping_sub(self.young) <= u32::MAX / 2;
            if is_old_gone {
                self.seen.age();
                self.young = self.first.wrapping_add(self.len() as u32);
            }
        }
    }

    /// Every row held, oldest arrival first.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&Access, &str)> {
        self.buckets.iter().flat_map(|bucket| bucket.rows.rows.iter().map(|row| (row, bucket.rows.event_id(row))))
    }
}

fn find(buckets: &VecDeque<Bucket>, first: u32, number: u32) -> Option<(&Access, &str)> {
    let place = number.wrapping_sub(first) as usize;
    let rows = &buckets.get(place / BUCKET)?.rows;
    let row = rows.rows.get(place % BUCKET)?;
    Some((row, rows.event_id(row)))
}

/// Hash of what makes an event one: its id and its patient.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Identity(u64);

impl Identity {
    pub(super) fn of(row: &Access, event_id: &str) -> Self {
        Self(hash_text(event_id) ^ u64::from(row.patient).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
}

fn numbers(last: &[u32]) -> impl Iterator<Item = u32> {
    (0..).zip(last).filter(|(_, row)| **row != NONE).map(|(number, _)| number)
}

fn replace(all: &mut Vec<u32>, index: u32, number: u32) -> u32 {
    let index = index as usize;
    if all.len() <= index {
        all.resize(index + 1, NONE);
    }
    std::mem::replace(&mut all[index], number)
}
