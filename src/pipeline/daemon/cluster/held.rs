//! A partition that this worker decides.

use std::sync::Arc;

use super::super::lanes::{Due, Lanes};
use super::changelog::Changelog;
use super::takeover::{Place, Restored};
use super::wire::{Came, Reached, Said, in_pieces};
use crate::engine::Branches;
use crate::model::time::Timestamp;
use crate::sink::kafka_transactions::{Entry, TransactionalWriter};
use crate::source::kafka::{Position, TopicPartition};

/// A partition, and what of it is not written yet.
pub(super) struct Held {
    name: TopicPartition,
    findings_topic: String,
    writer: Arc<TransactionalWriter>,
    changelog: Changelog,
    lanes: Lanes,
    /// Where the next access stands; none before the first.
    pub(super) next: Option<Position>,
    /// Findings since the last transaction.
    said: Vec<Said>,
    /// What the register was told last.
    came: Option<Came>,
    is_idle: bool,
    is_changed: bool,
}

impl Held {
    /// `lateness` in microseconds.
    pub(super) fn new(name: TopicPartition, findings_topic: String, restored: Restored, lateness: i64) -> Self {
        let Restored { writer, changelog, place, .. } = restored;
        let newest = place.as_ref().map_or(Timestamp::MIN, |place| Timestamp(place.newest));
        let mut lanes = Lanes::new(lateness, []);
        lanes.assign(name.clone(), newest);
        let next = place.and_then(|place| place.position(&name));
        let (said, came, is_idle) = (Vec::new(), None, false);
        Self { name, findings_topic, writer, changelog, lanes, next, said, came, is_idle, is_changed: true }
    }

    pub(super) fn name(&self) -> &TopicPartition {
        &self.name
    }

    pub(super) fn writer(&self) -> Arc<TransactionalWriter> {
        Arc::clone(&self.writer)
    }

    /// Records were read; see [`Lanes::read`].
    pub(super) fn read(&mut self, newest: Timestamp, events: u64) {
        self.lanes.read(&self.name, newest, events);
        self.is_changed = true;
    }

    /// The end of the partition was reached.
    pub(super) fn ended(&mut self, now: i64) {
        self.lanes.ended(&self.name, now);
    }

    /// How far the partition may go at `now`; one that is idle goes with the others, as far as `input`.
    pub(super) fn until(&mut self, now: i64, input: Timestamp) -> Timestamp {
        let is_idle = self.lanes.are_idle(now);
        self.is_changed |= std::mem::replace(&mut self.is_idle, is_idle) != is_idle;
        match self.lanes.due(now) {
            _ if is_idle => input,
            Due::Until(watermark) => watermark,
            Due::Unknown => Timestamp::MIN,
        }
    }

    /// Something is to be told with the next transaction.
    pub(super) fn say(&mut self, said: Said) {
        self.said.push(said);
        self.is_changed = true;
    }

    /// Event time moved.
    pub(super) fn moved(&mut self) {
        self.is_changed = true;
    }

    pub(super) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// What the next transaction holds: the rows that changed, where the partition stands, and what is told.
    pub(super) fn entries(&mut self, branches: &mut Branches, policy: &str, context: &Reached) -> Vec<Entry> {
        let number = u32::try_from(self.name.partition).unwrap_or(u32::MAX);
        let newest = self.lanes.newest(&self.name).0;
        let mut rows = branches.save(number);
        let (next, last) = self.next.as_ref().map_or((None, None), |at| (Some(at.offset), at.last));
        rows.push(Place { policy: policy.to_owned(), next, last, newest, context: context.clone() }.row());
        let clock = branches.clock(number).0;
        let came = Came { clock, newest, is_idle: self.is_idle, context: context.clone() };
        let mut said = std::mem::take(&mut self.said);
        if self.came.as_ref() != Some(&came) {
            said.push(Said::Came(came.clone()));
            self.came = Some(came);
        }
        self.is_changed = false;
        let mut entries = self.changelog.entries(rows);
        let (topic, partition) = (&self.findings_topic, self.name.partition);
        let pieces = said.iter().flat_map(in_pieces);
        entries.extend(pieces.map(|piece| Entry {
            topic: topic.clone(),
            partition,
            key: Vec::new(),
            value: Some(piece),
        }));
        entries
    }
}
