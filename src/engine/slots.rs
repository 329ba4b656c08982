//! Which parts of the context the versions of a record stand in.

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

/// The slots of one record: nearly every record has one.
#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    first: Option<Slot>,
    others: Vec<Slot>,
}

impl Slots {
    /// Adds a slot, once.
    pub(super) fn insert(&mut self, slot: Slot) {
        if self.first.is_none() {
            self.first = Some(slot);
        } else if self.iter().all(|old| old != slot) {
            self.others.push(slot);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Slot> {
        self.first.into_iter().chain(self.others.iter().copied())
    }
}
