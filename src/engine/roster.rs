//! Who was rostered where.

use crate::model::span::Span;
use crate::model::time::Timestamp;

/// People come early and stay for the hand-over: a shift places them from this long before its start
/// until this long after its end.
pub const MARGIN: Span = Span::hours(1);

/// One version of a shift.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) department: u32,
    pub(super) starts: Timestamp,
    pub(super) ends: Timestamp,
    pub(super) known_from: Timestamp,
    pub(super) known_to: Timestamp,
    /// Number of the shift record.
    pub(super) record: u32,
}

/// The shifts of one person, sorted by start.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    turns: Vec<Turn>,
    longest: i64,
}

impl Roster {
    pub(super) fn insert(&mut self, turn: Turn) {
        self.longest = self.longest.max(turn.ends - turn.starts);
        let place = self.turns.partition_point(|old| old.starts <= turn.starts);
        self.turns.insert(place, turn);
    }

    pub(super) fn of_record_mut(&mut self, record: u32) -> impl Iterator<Item = &mut Turn> {
        self.turns.iter_mut().filter(move |turn| turn.record == record)
    }

    /// Whether the roster known by `now` has the person at work at `at`, a margin around each shift included;
    /// `day` are the bounds of its local day.
    #[must_use]
    pub fn presence(&self, at: Timestamp, day: (Timestamp, Timestamp), now: Timestamp, margin: i64) -> Presence {
        let mut presence = Presence::Unknown;
        let last = self.turns.partition_point(|turn| turn.starts.minus(margin) < day.1);
        for turn in self.turns[..last].iter().rev() {
            if turn.starts.plus(self.longest + margin) < day.0 {
                break;
            }
            let is_known = turn.known_from <= now && now < turn.known_to;
            if !is_known || turn.ends.plus(margin) < day.0 {
                continue;
            }
            if turn.starts.minus(margin) <= at && at <= turn.ends.plus(margin) {
                return Presence::On;
            }
            presence = Presence::Off;
        }
        presence
    }

    /// Writes the departments where the roster known by `now` places the person at `at`.
    pub fn departments(&self, at: Timestamp, now: Timestamp, out: &mut Vec<u32>) {
        let margin = MARGIN.micros();
        let last = self.turns.partition_point(|turn| turn.starts.minus(margin) <= at);
        for turn in self.turns[..last].iter().rev() {
            if turn.starts.plus(self.longest + margin) < at {
                break;
            }
            let is_known = turn.known_from <= now && now < turn.known_to;
            if is_known && at <= turn.ends.plus(margin) && !out.contains(&turn.department) {
                out.push(turn.department);
            }
        }
    }
}

/// Whether somebody is rostered at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    On,
    /// There is a roster for that day, and it does not cover the instant.
    Off,
    /// There is no roster for that day.
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::HOUR;

    #[test]
    fn a_shift_places_a_person_with_a_margin() {
        let mut roster = Roster::default();
        for (department, starts, ends) in [(1, 0, 12), (2, 24, 36), (3, 30, 32)] {
            roster.insert(Turn {
                department,
                starts: Timestamp(starts * HOUR),
                ends: Timestamp(ends * HOUR),
                known_from: Timestamp::MIN,
                known_to: Timestamp::MAX,
                record: department,
            });
        }
        let at = |hour: i64| {
            let mut out = Vec::new();
            roster.departments(Timestamp(hour * HOUR), Timestamp::MAX.minus(1), &mut out);
            out.sort_unstable();
            out
        };
        assert_eq!(at(13), [1]);
        assert_eq!(at(14), [] as [u32; 0]);
        assert_eq!(at(31), [2, 3]);
        assert_eq!(at(37), [2]);
    }
}
