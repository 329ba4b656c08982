//! How far event time has come: one lane for each assigned partition.
//!
//! The watermark is the minimum over the lanes of the newest event less the allowed lateness. A lane
//! that has been at its partition's end for as long as an event may be late holds it back no more; when
//! all lanes have, everything that came is due. After a start nothing is due until every partition has been
//! assigned once, since those that come later would find their events late; but not for ever, since another
//! daemon may have them. A lane that runs far ahead of the others is paused, so
//! that the reorder buffer stays small.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::model::time::{HOUR, SECOND, Timestamp};
use crate::source::kafka::TopicPartition;

/// A lane is ahead when its newest event is so much later than the watermark allows for, in
/// microseconds of event time ...
const AHEAD: i64 = HOUR;
/// ... and so many of its events wait for the watermark.
const BUFFERED: u64 = 100_000;
/// How long partitions are waited for after a start: longer than a broker remembers a daemon that was killed.
/// In microseconds of a monotonic clock.
const PATIENCE: i64 = 90 * SECOND;

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A lane has not said anything yet.
    Unknown,
    /// No event at or before this is expected any more. Where no lane has anything, that is everything that came.
    Until(Timestamp),
}

/// One assigned partition.
#[derive(Debug)]
struct Lane {
    /// Time of its newest event; `MIN` = none yet.
    newest: Timestamp,
    /// When its end was reached, in microseconds of a monotonic clock.
    ended_at: Option<i64>,
    /// Events read, by the newest time that the lane had reached with them, oldest first.
    waiting: VecDeque<(Timestamp, u64)>,
    is_paused: bool,
}

impl Lane {
    /// Whether it has been at its end for as long as an event may be late.
    fn is_idle(&self, now: i64, lateness: i64) -> bool {
        self.ended_at.is_some_and(|ended| now - ended >= lateness)
    }
}

/// All assigned partitions.
#[derive(Debug)]
pub(super) struct Lanes {
    lateness: i64,
    lanes: BTreeMap<TopicPartition, Lane>,
    /// Partitions that have not been assigned since the start.
    awaited: BTreeSet<TopicPartition>,
    awaited_since: Option<i64>,
}

impl Lanes {
    /// No partition yet; those of `awaited` will come. `lateness` in microseconds.
    pub(super) fn new(lateness: i64, awaited: impl IntoIterator<Item = TopicPartition>) -> Self {
        Self { lateness, lanes: BTreeMap::new(), awaited: awaited.into_iter().collect(), awaited_since: None }
    }

    pub(super) fn len(&self) -> usize {
        self.lanes.len()
    }

    /// A partition is read from now on; `newest` is what it had reached when it was last read.
    pub(super) fn assign(&mut self, partition: TopicPartition, newest: Timestamp) {
        self.awaited.remove(&partition);
        let lane = Lane { newest, ended_at: None, waiting: VecDeque::new(), is_paused: false };
        self.lanes.insert(partition, lane);
    }

    /// A partition is read no more.
    pub(super) fn revoke(&mut self, partition: &TopicPartition) {
        self.lanes.remove(partition);
    }

    /// Time of the newest event of a partition; `MIN` where none came.
    pub(super) fn newest(&self, partition: &TopicPartition) -> Timestamp {
        self.lanes.get(partition).map_or(Timestamp::MIN, |lane| lane.newest)
    }

    /// Records were read; `newest` is `MIN` when none of them was an event.
    pub(super) fn read(&mut self, partition: &TopicPartition, newest: Timestamp, events: u64) {
        let Some(lane) = self.lanes.get_mut(partition) else { return };
        // Records that are no events do not say how far event time has come.
        if newest > Timestamp::MIN {
            lane.ended_at = None;
        }
        lane.newest = lane.newest.max(newest);
        if events > 0 {
            lane.waiting.push_back((lane.newest, events));
        }
    }

    /// The end of a partition was reached.
    pub(super) fn ended(&mut self, partition: &TopicPartition, now: i64) {
        if let Some(lane) = self.lanes.get_mut(partition) {
            lane.ended_at.get_or_insert(now);
        }
    }

    /// What is due at `now`, in microseconds of a monotonic clock.
    pub(super) fn due(&mut self, now: i64) -> Due {
        if !self.awaited.is_empty() && now - *self.awaited_since.get_or_insert(now) < PATIENCE {
            return Due::Unknown;
        }
        match self.lanes.values().filter(|lane| !lane.is_idle(now, self.lateness)).map(|lane| lane.newest).min() {
            None if self.lanes.is_empty() => Due::Unknown,
            None => Due::Until(self.lanes.values().map(|lane| lane.newest).max().unwrap_or(Timestamp::MIN)),
            Some(Timestamp::MIN) => Due::Unknown,
            // An event exactly at the limit may still come.
            Some(newest) => Due::Until(newest.minus(self.lateness.saturating_add(1))),
        }
    }

    /// Whether everything that came was read, and nothing came for as long as an event may be late.
    pub(super) fn are_idle(&self, now: i64) -> bool {
        !self.lanes.is_empty() && self.lanes.values().all(|lane| lane.is_idle(now, self.lateness))
    }

    /// The partitions to pause and to resume, now that event time has come to `clock`.
    pub(super) fn steer(&mut self, clock: Timestamp) -> (Vec<TopicPartition>, Vec<TopicPartition>) {
        let (mut pause, mut resume) = (Vec::new(), Vec::new());
        let limit = clock.plus(self.lateness).plus(AHEAD);
        for (partition, lane) in &mut self.lanes {
            while lane.waiting.front().is_some_and(|(newest, _)| *newest <= clock) {
                lane.waiting.pop_front();
            }
            let buffered: u64 = lane.waiting.iter().map(|(_, events)| events).sum();
            let is_ahead = lane.newest > limit && buffered > BUFFERED;
            if is_ahead != lane.is_paused {
                lane.is_paused = is_ahead;
                let list = if is_ahead { &mut pause } else { &mut resume };
                list.push(partition.clone());
            }
        }
        (pause, resume)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATENESS: i64 = 60 * SECOND;

    fn partition(number: i32) -> TopicPartition {
        TopicPartition::new("audit", number)
    }

    fn lanes(count: i32) -> Lanes {
        let mut lanes = Lanes::new(LATENESS, []);
        (0..count).for_each(|number| lanes.assign(partition(number), Timestamp::MIN));
        lanes
    }

    #[test]
    fn the_slowest_lane_holds_the_watermark() {
        let mut lanes = lanes(2);
        lanes.read(&partition(0), Timestamp(100 * HOUR), 1);
        assert_eq!(lanes.due(0), Due::Unknown);
        lanes.read(&partition(1), Timestamp(90 * HOUR), 1);
        assert_eq!(lanes.due(0), Due::Until(Timestamp(90 * HOUR - LATENESS - 1)));
        lanes.read(&partition(1), Timestamp(80 * HOUR), 1);
        assert_eq!(lanes.due(0), Due::Until(Timestamp(90 * HOUR - LATENESS - 1)), "never backwards");
        lanes.revoke(&partition(1));
        assert_eq!(lanes.due(0), Due::Until(Timestamp(100 * HOUR - LATENESS - 1)));
    }

    #[test]
    fn an_idle_lane_holds_nothing_back_and_when_all_are_idle_everything_is_due() {
        let mut lanes = lanes(2);
        lanes.read(&partition(0), Timestamp(100 * HOUR), 1);
        lanes.ended(&partition(1), 0);
        lanes.ended(&partition(1), 50 * SECOND);
        assert_eq!(lanes.due(LATENESS - 1), Due::Unknown);
        assert_eq!(lanes.due(LATENESS), Due::Until(Timestamp(100 * HOUR - LATENESS - 1)));
        lanes.ended(&partition(0), LATENESS);
        assert_eq!(lanes.due(2 * LATENESS), Due::Until(Timestamp(100 * HOUR)));
        assert_eq!([2 * LATENESS - 1, 2 * LATENESS].map(|now| lanes.are_idle(now)), [false, true]);
        lanes.read(&partition(1), Timestamp(101 * HOUR), 1);
        assert_eq!(lanes.due(2 * LATENESS), Due::Until(Timestamp(101 * HOUR - LATENESS - 1)));
        let none = &mut Lanes::new(LATENESS, []);
        assert_eq!(
            (none.due(9 * LATENESS), none.are_idle(9 * LATENESS)),
            (Due::Unknown, false),
            "no partition is no end"
        );
    }

    #[test]
    fn records_that_are_no_events_hold_nothing_back() {
        let mut lanes = lanes(2);
        lanes.read(&partition(0), Timestamp(100 * HOUR), 1);
        lanes.ended(&partition(0), 0);
        lanes.ended(&partition(1), 0);
        lanes.read(&partition(1), Timestamp::MIN, 0);
        assert_eq!(lanes.due(LATENESS), Due::Until(Timestamp(100 * HOUR)));
    }

    #[test]
    fn nothing_is_due_before_every_partition_has_come_once_but_not_for_ever() {
        let mut lanes = Lanes::new(LATENESS, [partition(0), partition(1)]);
        lanes.assign(partition(0), Timestamp(10 * HOUR));
        assert_eq!(lanes.due(0), Due::Unknown);
        assert_eq!(lanes.due(PATIENCE - 1), Due::Unknown);
        assert_eq!(lanes.due(PATIENCE), Due::Until(Timestamp(10 * HOUR - LATENESS - 1)));
        lanes.assign(partition(1), Timestamp(9 * HOUR));
        lanes.revoke(&partition(1));
        assert_eq!(lanes.due(PATIENCE), Due::Until(Timestamp(10 * HOUR - LATENESS - 1)), "it came once");
    }

    #[test]
    fn a_lane_far_ahead_with_much_to_keep_is_paused_until_the_others_have_come_up() {
        let mut lanes = lanes(2);
        let clock = Timestamp(10 * HOUR);
        lanes.read(&partition(0), clock.plus(3 * HOUR), BUFFERED);
        lanes.read(&partition(1), clock.plus(HOUR), 2 * BUFFERED);
        assert_eq!(lanes.steer(clock), (vec![], vec![]), "far, but little; much, but near");
        lanes.read(&partition(0), clock.plus(4 * HOUR), 1);
        assert_eq!(lanes.steer(clock), (vec![partition(0)], vec![]));
        assert_eq!(lanes.steer(clock), (vec![], vec![]));
        assert_eq!(lanes.steer(clock.plus(3 * HOUR)), (vec![], vec![partition(0)]));
    }
}
