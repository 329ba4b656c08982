//! Whether the audit feed itself fell silent: hours of event time without a single access.
//!
//! A silence is told when it lasts at least `feed_gap` and more than twice the longest one of the seven days before.
//! With less than seven days of history nothing is: nights and week-ends must be known first.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize, Serializer};

use crate::model::time::{HOUR, Timestamp};

/// Hours of history that decide what silence is usual.
const HISTORY: i64 = 7 * 24;

/// Hours that are saved: enough to go on after a restart.
const SAVED: usize = 14 * 24;

/// The hours in which something happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulse {
    #[serde(serialize_with = "newest")]
    hours: BTreeSet<i64>,
    /// The hour noted last; most rows fall into it again.
    #[serde(skip)]
    last: i64,
}

fn newest<S: Serializer>(hours: &BTreeSet<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(hours.iter().rev().take(SAVED))
}

/// From when until when no access came, in full hours.
pub type Silence = (Timestamp, Timestamp);

impl Pulse {
    pub(super) fn note(&mut self, at: Timestamp) {
        let hour = at.0.div_euclid(HOUR);
        if hour != self.last {
            self.last = hour;
            self.hours.insert(hour);
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.hours.extend(&other.hours);
    }

    /// The silences that are longer than they ever are; with `until`, also the one that still lasts then.
    #[must_use]
    pub fn silences(&self, feed_gap: i64, until: Option<Timestamp>) -> Vec<Silence> {
        let Some(&first) = self.hours.first() else { return Vec::new() };
        let still = until.map(|at| at.0.div_euclid(HOUR)).filter(|hour| self.hours.last() < Some(hour));
        let (mut before, mut earlier, mut found) = (first, Vec::<(i64, i64)>::new(), Vec::new());
        for hour in self.hours.iter().copied().chain(still) {
            let length = hour - before - 1;
            let usual = earlier.iter().rev().take_while(|(ended, _)| before - ended <= HISTORY);
            let usual = usual.map(|(_, length)| *length).max().unwrap_or(0);
            if before - first >= HISTORY && length * HOUR >= feed_gap.max(HOUR) && length > 2 * usual {
                found.push((Timestamp((before + 1) * HOUR), Timestamp(hour * HOUR)));
            }
            if length > 0 {
                earlier.push((hour, length));
            }
            before = hour;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten days with an access in every hour but from one to four at night, and some hours left out.
    fn pulse(left_out: std::ops::Range<i64>) -> Pulse {
        let mut pulse = Pulse::default();
        let hours = (0..240).filter(|hour| !(1..4).contains(&(hour % 24)) && !left_out.contains(hour));
        hours.for_each(|hour| pulse.note(Timestamp(hour * HOUR + 5)));
        pulse
    }

    #[test]
    fn nights_are_usual_and_a_longer_silence_is_told() {
        assert_eq!(pulse(0..0).silences(2 * HOUR, None), []);
        let outage = pulse(200..209).silences(6 * HOUR, None);
        assert_eq!(outage, [(Timestamp(200 * HOUR), Timestamp(209 * HOUR))]);
        assert_eq!(pulse(200..205).silences(6 * HOUR, None), [], "shorter than feed_gap");
        assert_eq!(pulse(30..60).silences(6 * HOUR, None), [], "no week of history yet");
    }

    #[test]
    fn a_silence_that_lasts_is_told_too() {
        let pulse = pulse(0..0);
        let now = Timestamp(260 * HOUR);
        assert_eq!(pulse.silences(6 * HOUR, None), []);
        assert_eq!(pulse.silences(6 * HOUR, Some(now)), [(Timestamp(240 * HOUR), now)]);
    }

    #[test]
    fn shards_see_parts_of_it_and_what_is_saved_goes_on() {
        let (mut one, mut other) = (Pulse::default(), Pulse::default());
        for hour in 0..240 {
            if hour % 2 == 0 { &mut one } else { &mut other }.note(Timestamp(hour * HOUR));
        }
        one.add(&other);
        assert_eq!(one.silences(HOUR, None), []);
        let saved: Pulse = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
        assert_eq!(saved.hours, one.hours);
    }
}
