//! How far the partitions have come, and with them the desk of groups.

use std::collections::BTreeMap;

use super::wire::{Came, Hour, Reached};
use crate::model::time::Timestamp;

/// What is kept of it.
pub(super) type SavedHours = Vec<(i32, Came)>;

/// How far each partition has come, as its workers say.
#[derive(Debug)]
pub(super) struct Hours {
    partitions: usize,
    came: BTreeMap<i32, Came>,
    saved: SavedHours,
    has_news: bool,
    told: Option<Hour>,
}

impl Hours {
    /// Waits for the word of so many partitions.
    pub(super) fn new(partitions: usize, saved: Option<SavedHours>) -> Self {
        let saved = saved.unwrap_or_default();
        Self { partitions, came: saved.iter().cloned().collect(), saved, has_news: true, told: None }
    }

    pub(super) const fn partitions(&self) -> usize {
        self.partitions
    }

    /// A worker says how far a partition is.
    pub(super) fn note(&mut self, partition: i32, came: Came) {
        self.came.insert(partition, came);
        self.has_news = true;
    }

    /// What is to be kept.
    pub(super) fn saved(&mut self) -> &SavedHours {
        self.saved = self.came.iter().map(|(partition, came)| (*partition, came.clone())).collect();
        &self.saved
    }

    /// How far every partition has come, where there is news of any; none before all have been heard of.
    pub(super) fn take_due(&mut self) -> Option<Timestamp> {
        if !std::mem::take(&mut self.has_news) || self.came.len() < self.partitions {
            return None;
        }
        self.came.values().map(|came| Timestamp(came.clock)).min().filter(|clock| *clock > Timestamp::MIN)
    }

    /// How far a partition may go that is idle: as far as the slowest of the others; where all are idle, to the
    /// newest access of all.
    fn input(&self) -> i64 {
        if self.came.len() < self.partitions {
            return i64::MIN;
        }
        let busy = self.came.values().filter(|came| !came.is_idle).map(|came| came.clock).min();
        busy.or_else(|| self.came.values().map(|came| came.newest).max()).unwrap_or(i64::MIN)
    }

    /// The facts that every partition has acted on.
    fn context(&self) -> Reached {
        let mut least: BTreeMap<(&str, i32), (usize, i64)> = BTreeMap::new();
        for (topic, partition, offset) in self.came.values().flat_map(|came| &came.context) {
            let entry = least.entry((topic.as_str(), *partition)).or_insert((0, i64::MAX));
            *entry = (entry.0 + 1, entry.1.min(*offset));
        }
        // One that some partition has not heard of may still be news to it.
        let of_all = least.into_iter().filter(|(_, (heard, _))| *heard == self.partitions);
        of_all.map(|((topic, partition), (_, offset))| (topic.to_owned(), partition, offset)).collect()
    }

    /// What workers are to be told, where it is not what they were told last.
    pub(super) fn news(&mut self, desk: Timestamp) -> Option<Hour> {
        let hour = Hour { desk: desk.0, input: self.input(), context: self.context() };
        if self.told.as_ref() == Some(&hour) {
            return None;
        }
        self.told = Some(hour.clone());
        Some(hour)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn came(clock: i64, newest: i64, is_idle: bool, offset: i64) -> Came {
        Came { clock, newest, is_idle, context: vec![("facts".to_owned(), 0, offset)] }
    }

    #[test]
    fn the_desk_waits_for_every_partition_and_for_the_slowest() {
        let mut hours = Hours::new(2, None);
        hours.note(0, came(100, 105, false, 7));
        assert_eq!(hours.take_due(), None);
        hours.note(1, came(80, 85, false, 5));
        assert_eq!(hours.take_due(), Some(Timestamp(80)));
        assert_eq!(hours.take_due(), None, "nothing new");
    }

    #[test]
    fn idle_partitions_go_with_the_slowest_of_the_others_and_to_the_end_when_all_are_idle() {
        let mut hours = Hours::new(3, None);
        hours.note(0, came(100, 105, false, 7));
        hours.note(1, came(10, 20, true, 7));
        assert_eq!(hours.news(Timestamp(0)).unwrap().input, i64::MIN, "one was never heard of");
        hours.note(2, came(90, 95, false, 7));
        assert_eq!(hours.news(Timestamp(0)).unwrap().input, 90);
        hours.note(0, came(100, 105, true, 7));
        hours.note(2, came(90, 95, true, 7));
        assert_eq!(hours.news(Timestamp(0)).unwrap().input, 105);
        assert!(hours.news(Timestamp(0)).is_none(), "told already");
    }

    #[test]
    fn facts_are_known_to_all_only_as_far_as_the_last_partition_knows_them() {
        let mut hours = Hours::new(2, None);
        hours.note(0, came(1, 1, false, 7));
        assert!(hours.news(Timestamp(0)).unwrap().context.is_empty());
        hours.note(1, came(1, 1, false, 5));
        assert_eq!(hours.news(Timestamp(0)).unwrap().context, [("facts".to_owned(), 0, 5)]);
    }
}
