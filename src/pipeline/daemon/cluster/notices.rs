//! What the register says, as a worker hears it.

use std::collections::BTreeMap;

use super::wire::{HOUR_KEY, Hour, Reached, episode_of};
use crate::model::time::Timestamp;
use crate::source::kafka::RecordBatch;

/// In which group an episode counts, if in any.
pub(super) type Membership = (u64, Option<Box<str>>);

/// What a batch brought for the branches that are here.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) groups: BTreeMap<i32, Vec<Membership>>,
    /// Partitions in which the desk's clock moved.
    pub(super) hours: BTreeMap<i32, Timestamp>,
}

/// Everything that the register has said, of all partitions: one that comes here later needs it too.
#[derive(Debug, Default)]
pub(super) struct Notices {
    groups: BTreeMap<(i32, u64), Box<str>>,
    hours: BTreeMap<i32, Hour>,
}

impl Notices {
    /// Takes what a batch says.
    pub(super) fn take(&mut self, batch: &RecordBatch) -> Heard {
        let mut heard = Heard::default();
        for record in batch.records() {
            let (key, value) = (batch.key(record).unwrap_or_default(), batch.value(record));
            if let Some(episode) = episode_of(key) {
                let group = value.map(|text| String::from_utf8_lossy(text).into_owned().into_boxed_str());
                match &group {
                    Some(group) => drop(self.groups.insert((record.partition, episode), group.clone())),
                    None => drop(self.groups.remove(&(record.partition, episode))),
                }
                heard.groups.entry(record.partition).or_default().push((episode, group));
            } else if key == HOUR_KEY
                && let Some(hour) = value.and_then(|value| serde_json::from_slice::<Hour>(value).ok())
            {
                heard.hours.insert(record.partition, Timestamp(hour.desk));
                self.hours.insert(record.partition, hour);
            }
        }
        heard
    }

    /// In which groups the episodes of a partition count.
    pub(super) fn groups_of(&self, partition: i32) -> impl Iterator<Item = Membership> {
        let own = self.groups.range((partition, 0)..=(partition, u64::MAX));
        own.map(|((_, episode), group)| (*episode, Some(group.clone())))
    }

    /// How far partitions that are idle may go.
    pub(super) fn input(&self) -> Timestamp {
        Timestamp(self.hours.values().map(|hour| hour.input).max().unwrap_or(i64::MIN))
    }

    /// The clock that every partition has come to, and the facts that each has acted on.
    pub(super) fn floor(&self) -> Option<(Timestamp, &Reached)> {
        let newest = self.hours.values().max_by_key(|hour| hour.desk)?;
        Some((Timestamp(newest.desk), &newest.context))
    }
}
