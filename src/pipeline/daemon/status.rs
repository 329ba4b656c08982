//! How far a daemon is, for those who watch it from within the process.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::engine::output::Tally;
use crate::model::time::Timestamp;
use crate::source::kafka::{Position, TopicPartition};

/// What a daemon is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Reads the context to where it ended at the start.
    #[default]
    Loading,
    /// Takes accesses in.
    Reading,
    /// Event time was brought to its end on request.
    Ended,
    /// Everything is committed.
    Stopped,
}

#[derive(Debug, Default)]
struct State {
    phase: Phase,
    read: BTreeMap<TopicPartition, i64>,
    committed: BTreeMap<TopicPartition, Position>,
    clock: Option<Timestamp>,
    tally: Option<Tally>,
    is_stopping: bool,
}

/// How far a daemon is. Read from any thread.
#[derive(Debug, Default)]
pub struct Status(Mutex<State>);

impl Status {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the daemon is doing.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.state().phase
    }

    /// How far event time has come; none before the first watermark.
    #[must_use]
    pub fn clock(&self) -> Option<Timestamp> {
        self.state().clock
    }

    /// Records of a topic that the engine has taken in, all partitions together, counted by offsets.
    #[must_use]
    pub fn read(&self, topic: &str) -> i64 {
        sum(self.state().read.iter(), topic)
    }

    /// Records of a topic whose effects are on disk.
    #[must_use]
    pub fn committed(&self, topic: &str) -> i64 {
        let state = self.state();
        sum(state.committed.iter().map(|(partition, position)| (partition, &position.offset)), topic)
    }

    /// All counts, once event time was brought to its end or the daemon has stopped.
    #[must_use]
    pub fn tally(&self) -> Option<Tally> {
        self.state().tally.clone()
    }

    /// The daemon was told to stop.
    pub(super) fn stop(&self) {
        self.state().is_stopping = true;
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.state().is_stopping
    }

    pub(super) fn set_tally(&self, tally: Tally) {
        self.state().tally = Some(tally);
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        self.state().phase = phase;
    }

    pub(super) fn set_clock(&self, clock: Timestamp) {
        self.state().clock = Some(clock).filter(|clock| clock.is_finite());
    }

    pub(super) fn has_read(&self, positions: &[Position]) {
        let read = positions.iter().map(|position| (position.partition.clone(), position.offset));
        self.state().read.extend(read);
    }

    /// A partition is read elsewhere from now on.
    pub(super) fn forget(&self, partition: &TopicPartition) {
        let mut state = self.state();
        state.read.remove(partition);
        state.committed.remove(partition);
    }

    pub(super) fn has_committed(&self, positions: &[Position]) {
        let committed = positions.iter().map(|position| (position.partition.clone(), position.clone()));
        self.state().committed.extend(committed);
    }

    /// Where a partition is read on.
    pub(super) fn read_on(&self, partition: &TopicPartition) -> Option<Position> {
        self.state().committed.get(partition).cloned()
    }

    pub(super) fn committed_positions(&self) -> Vec<Position> {
        self.state().committed.values().cloned().collect()
    }
}

fn sum<'o>(offsets: impl Iterator<Item = (&'o TopicPartition, &'o i64)>, topic: &str) -> i64 {
    offsets.filter(|(partition, _)| &*partition.topic == topic).map(|(_, offset)| offset).sum()
}
