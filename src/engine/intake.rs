//! The door of the engine: decoded accesses become rows of interned ids, ready for their shards.
//!
//! Many blocks are decoded side by side, so an intake only reads the dictionary. What it does not find
//! there it numbers for itself, marked, and [`Intake::settle`] resolves it afterwards, block by block
//! in order: so the numbers do not depend on which thread was faster.

use crate::model::access::AccessEvent;
use crate::model::time::Timestamp;

use super::access::{Access, Act, Rows, Standing};
use super::detectors::fits_care;
use super::dictionary::{Dictionary, FRESH, Interner, NONE, hash_text, numbered, resolved};

/// When a record reached the pipeline, where the source tells.
#[derive(Clone, Copy, Debug)]
pub struct Arrival {
    /// The hospital could first review it; `MIN` = not told.
    pub available_at: Timestamp,
    /// The pipeline received it; `MIN` = with the rest of the run.
    pub ingested_at: Timestamp,
}

impl Arrival {
    /// For sources that do not tell.
    pub const UNTOLD: Self = Self { available_at: Timestamp::MIN, ingested_at: Timestamp::MIN };
}

#[derive(Debug, Default)]
struct Fresh {
    users: Interner,
    patients: Interner,
    departments: Interner,
    resources: Interner,
}

/// A row whose patient has no number yet.
#[derive(Clone, Copy, Debug)]
struct Unnumbered {
    hash: u64,
    /// Where the patient's id ends in the text of those that wait.
    end: u32,
    shard: u32,
    row: u32,
}

/// How many rows wait at most.
const WAITING: usize = 32;

/// Rows of one block, by shard.
#[derive(Debug)]
pub struct Intake {
    /// Those of one branch after those of another.
    shards: Vec<Rows>,
    /// Number, first shard and count of shards of each branch, in the order of their numbers.
    branches: Vec<(u32, usize, usize)>,
    /// First shard and count of shards of the branch that takes accesses now.
    current: (usize, usize),
    fresh: Fresh,
    /// Patients are many and their table is large: a handful is looked up together, so that memory
    /// answers together.
    waiting: Vec<Unnumbered>,
    waiting_text: String,
    oldest: Timestamp,
    newest: Timestamp,
}

impl Intake {
    /// An intake that needs its tables.
    pub(super) fn new() -> Self {
        Self {
            shards: Vec::new(),
            branches: Vec::new(),
            current: (0, 1),
            fresh: Fresh::default(),
            waiting: Vec::with_capacity(WAITING),
            waiting_text: String::with_capacity(WAITING * 32),
            oldest: Timestamp::MAX,
            newest: Timestamp::MIN,
        }
    }

    /// Takes one access.
    pub fn push(&mut self, dictionary: &Dictionary, event: &AccessEvent<'_>, arrival: Arrival) {
        self.oldest = self.oldest.min(event.occurred_at);
        self.newest = self.newest.max(event.occurred_at);
        let user_hash = hash_text(&event.user_id);
        let shard = self.current.0 + shard_of(user_hash, self.current.1);
        let department = event.department.as_deref().map_or(NONE, |name| {
            dictionary.department(name).unwrap_or_else(|| self.fresh.departments.intern(name) | FRESH)
        });
        let resource = event
            .resource
            .as_deref()
            .map_or(NONE, |name| number(&dictionary.resources, &mut self.fresh.resources, name));
        let row = Access {
            at: event.occurred_at,
            recorded_at: event.recorded_at.unwrap_or(Timestamp::MIN),
            available_at: arrival.available_at,
            ingested_at: arrival.ingested_at,
            user: numbered(user_hash, &dictionary.users, &mut self.fresh.users, &event.user_id),
            patient: NONE,
            event_start: 0,
            event_len: 0,
            department: short(department),
            resource: short(resource),
            workstation: workstation(event),
            act: Act::of(event, fits_care),
            outcome: event.outcome,
            standing: Standing::Aside,
            basis: 0,
            previous_of_patient: NONE,
            previous_of_user: NONE,
        };
        self.shards[shard].push(row, &event.event_id);
        if let Some(patient) = event.patient_id.as_deref() {
            self.waiting_text.push_str(patient);
            self.waiting.push(Unnumbered {
                hash: hash_text(patient),
                end: self.waiting_text.len() as u32,
                shard: shard as u32,
                row: self.shards[shard].len() as u32 - 1,
            });
            if self.waiting.len() == WAITING {
                self.number_patients(dictionary);
            }
        }
    }

    fn number_patients(&mut self, dictionary: &Dictionary) {
        let touched = self.waiting.iter().fold(0, |sum, one| sum ^ dictionary.patients.touch(one.hash));
        std::hint::black_box(touched);
        let mut start = 0;
        for one in self.waiting.drain(..) {
            let id = &self.waiting_text[start..one.end as usize];
            start = one.end as usize;
            let row = &mut self.shards[one.shard as usize].rows[one.row as usize];
            row.patient = numbered(one.hash, &dictionary.patients, &mut self.fresh.patients, id);
        }
        self.waiting_text.clear();
    }

    /// How many rows were taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(Rows::len).sum()
    }

    /// Whether no row was taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The times of the oldest and the newest access taken.
    #[must_use]
    pub fn bounds(&self) -> Option<(Timestamp, Timestamp)> {
        (self.oldest <= self.newest).then_some((self.oldest, self.newest))
    }

    /// Gives the new ids their numbers in the dictionary and hands the rows out by shard. What is left is empty, and
    /// its memory can be used again.
    pub(super) fn settle(&mut self, dictionary: &mut Dictionary) -> &mut [Rows] {
        self.number_patients(dictionary);
        let users = adopt(&self.fresh.users, &mut dictionary.users);
        let patients = adopt(&self.fresh.patients, &mut dictionary.patients);
        let departments: Vec<u32> =
            self.fresh.departments.iter().map(|name| dictionary.intern_department(name)).collect();
        let resources = adopt(&self.fresh.resources, &mut dictionary.resources);
        if users.len() + patients.len() + departments.len() + resources.len() > 0 {
            for row in self.shards.iter_mut().flat_map(|rows| rows.rows.iter_mut()) {
                row.user = resolved(row.user, &users);
                row.patient = resolved(row.patient, &patients);
                row.department = short_resolved(row.department, &departments);
                row.resource = short_resolved(row.resource, &resources);
            }
        }
        self.fresh = Fresh::default();
        (self.oldest, self.newest) = (Timestamp::MAX, Timestamp::MIN);
        &mut self.shards
    }

    /// From now on accesses belong to the branch of a number; false = there is none.
    pub fn select(&mut self, branch: u32) -> bool {
        let found = self.branches.binary_search_by_key(&branch, |(number, _, _)| *number);
        let Some((_, first, count)) = found.ok().and_then(|place| self.branches.get(place)) else { return false };
        self.current = (*first, *count);
        true
    }

    /// Starts anew, for no branch.
    pub(super) fn clear(&mut self) {
        self.shards.clear();
        self.branches.clear();
    }

    /// Takes an empty table of rows in for each shard of a branch; branches come in the order of their numbers.
    pub(super) fn refill(&mut self, branch: u32, tables: impl Iterator<Item = Rows>) {
        let first = self.shards.len();
        self.shards.extend(tables);
        self.current = (first, self.shards.len() - first);
        self.branches.push((branch, first, self.current.1));
    }
}

/// The shard of a user: the same in every run with as many shards.
pub(super) fn shard_of(user_hash: u64, shards: usize) -> usize {
    ((user_hash >> 32) as usize) % shards
}

fn number(known: &Interner, fresh: &mut Interner, text: &str) -> u32 {
    numbered(hash_text(text), known, fresh, text)
}

/// Two bytes of a hash of where the person sat: enough to tell two places apart.
fn workstation(event: &AccessEvent<'_>) -> u16 {
    let place = event.workstation.as_deref().or(event.source_ip.as_deref());
    place.map_or(0, |place| (hash_text(place) >> 48) as u16 | 1)
}

/// Departments and resources are few; their numbers are kept in 15 bits and a mark.
fn short(number: u32) -> u16 {
    let index = (number & !FRESH) as u16 & 0x7FFF;
    match number {
        NONE => u16::MAX,
        fresh if fresh & FRESH != 0 => index | 0x8000,
        _ => index,
    }
}

fn short_resolved(number: u16, adopted: &[u32]) -> u16 {
    if number == u16::MAX || number & 0x8000 == 0 {
        return number;
    }
    adopted
        .get(usize::from(number & 0x7FFF))
        .map_or(u16::MAX, |&index| if index < 0x7FFF { index as u16 } else { u16::MAX })
}

fn adopt(fresh: &Interner, dictionary: &mut Interner) -> Vec<u32> {
    fresh.iter().map(|text| dictionary.intern(text)).collect()
}
