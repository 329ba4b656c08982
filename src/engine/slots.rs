//! Which parts of the context the versions of a record stand in.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

/// Where the versions of a record stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Member(u32),
    Chart(u32),
    Contact(u32),
    Tie(u32),
    Turn(u32),
    Outage,
}

/// The slots of every record: nearly each has one.
#[derive(Debug, Default)]
pub(super) struct SlotTable {
    first: Vec<Option<Slot>>,
    others: HashMap<u32, Vec<Slot>, FxBuildHasher>,
}

impl SlotTable {
    /// Adds a slot of a record, once.
    pub(super) fn insert(&mut self, record: u32, slot: Slot) {
        if self.first.len() <= record as usize {
            self.first.resize(record as usize + 1, None);
        }
        if self.first[record as usize].is_none() {
            self.first[record as usize] = Some(slot);
        } else if self.of(record).all(|old| old != slot) {
            self.others.entry(record).or_default().push(slot);
        }
    }

    /// The slots of a record; none where it was never seen.
    pub(super) fn of(&self, record: u32) -> impl Iterator<Item = Slot> {
        let first = self.first.get(record as usize).copied().flatten();
        let others = first.and_then(|_| if self.others.is_empty() { None } else { self.others.get(&record) });
        first.into_iter().chain(others.into_iter().flatten().copied())
    }
}
