//! Whether the context feed of a unit can be trusted at a moment. Missing is not absent.
//!
//! A unit's facts of one kind that have been silent for at least `feed_gap` and for more than twice
//! their longest silence of the seven days before are a gap. With less than seven days of history
//! nothing is called a gap. Nights and week-ends are part of the history, so they are none either.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::context::RelationshipKind;
use crate::model::time::{DAY, Timestamp};

use super::dictionary::NONE;

/// How much history decides what silence is usual.
const HISTORY: i64 = 7 * DAY;

/// Why a relationship cannot be said to be absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unknown {
    /// No relationships were given at all.
    NoRelationships,
    /// A feed-status record says that the feed was down.
    ReportedDown,
    /// The unit's facts of this kind were silent for longer than usual.
    Silent(RelationshipKind),
    /// There are workforce records, but none of this person.
    Actor,
    /// There are patient records, but none of this patient.
    Patient,
}

impl Unknown {
    /// The sentence that an incident carries.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::NoRelationships => "no care relationships were given, so their absence says nothing".to_owned(),
            Self::ReportedDown => {
                "the feed of care relationships was reported down at the time of an access".to_owned()
            }
            Self::Silent(kind) => {
                format!("the unit's feed of {} records was silent at the time of an access", kind.name())
            }
            Self::Actor => {
                "no workforce record names this person, so the role and the department that could explain an access are unknown"
                    .to_owned()
            }
            Self::Patient => {
                "no patient record names this chart, so whose it is, and what could explain an access, is unknown"
                    .to_owned()
            }
        }
    }
}

/// What decides whether a silence is a gap.
#[derive(Clone, Copy, Debug)]
pub struct GapRule {
    /// The shortest silence that can be a gap, in microseconds.
    pub feed_gap: i64,
    /// Silence after this is no gap: the end of a replay's input says nothing about the feed.
    pub input_end: Timestamp,
    /// A filled gap keeps its accesses unknown for this long after the filling.
    pub settle_window: i64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Outage {
    /// `NONE` = every unit.
    pub(super) department: u32,
    pub(super) starts: Timestamp,
    /// `MAX` = still down.
    pub(super) ends: Timestamp,
    pub(super) known_from: Timestamp,
    pub(super) record: u32,
}

/// The activity of every unit's feed.
#[derive(Debug, Default)]
pub struct Feeds {
    has_relationships: bool,
    activity: BTreeMap<(u32, RelationshipKind), Vec<Timestamp>>,
    /// Units and kinds whose times [`Feeds::seal`] must put in order.
    unsorted: BTreeSet<(u32, RelationshipKind)>,
    outages: Vec<Outage>,
}

impl Feeds {
    pub(super) fn saw_relationship(&mut self) {
        self.has_relationships = true;
    }

    /// A fact of this unit and kind was recorded. [`Feeds::seal`] must follow before the next question.
    pub(super) fn saw(&mut self, department: u32, kind: RelationshipKind, recorded: Timestamp) {
        let times = self.activity.entry((department, kind)).or_default();
        if times.last().is_some_and(|&last| last > recorded) {
            self.unsorted.insert((department, kind));
        }
        times.push(recorded);
    }

    /// Puts what was seen since the last call in order.
    pub(super) fn seal(&mut self) {
        for key in std::mem::take(&mut self.unsorted) {
            self.activity.entry(key).or_default().sort_unstable();
        }
    }

    pub(super) fn reported(&mut self, outage: Outage) {
        self.outages.retain(|old| old.record != outage.record);
        self.outages.push(outage);
    }

    pub(super) fn withdraw(&mut self, record: u32) {
        self.outages.retain(|old| old.record != record);
    }

    /// Why absence cannot be told for an access at `at` by a person placed in `departments`, seen from
    /// `now`; and until when (`MAX` = until the feed speaks again).
    #[must_use]
    pub fn unknown(
        &self,
        departments: &[u32],
        at: Timestamp,
        now: Timestamp,
        rule: GapRule,
    ) -> Option<(Unknown, Timestamp)> {
        if !self.has_relationships {
            return Some((Unknown::NoRelationships, Timestamp::MAX));
        }
        self.reported_down(departments, at, now, rule).or_else(|| self.silent(departments, at, now, rule))
    }

    fn reported_down(
        &self,
        departments: &[u32],
        at: Timestamp,
        now: Timestamp,
        rule: GapRule,
    ) -> Option<(Unknown, Timestamp)> {
        let concerns = |outage: &&Outage| {
            let is_here = outage.department == NONE || departments.contains(&outage.department);
            is_here && outage.known_from <= now && outage.starts <= at && at <= outage.ends
        };
        let until = self.outages.iter().filter(concerns).map(|outage| outage.ends.plus(rule.settle_window)).max()?;
        (now < until).then_some((Unknown::ReportedDown, until))
    }

    /// How many units' facts are silent at `now` for longer than usual, by kind.
    #[must_use]
    pub fn silent_now(&self, now: Timestamp, feed_gap: i64) -> BTreeMap<RelationshipKind, u64> {
        let rule = GapRule { feed_gap, input_end: Timestamp::MAX, settle_window: 0 };
        let mut units: BTreeMap<RelationshipKind, u64> = BTreeMap::new();
        for (&(_, kind), times) in &self.activity {
            if silent_until(times, now, now, rule).is_some() {
                *units.entry(kind).or_default() += 1;
            }
        }
        units
    }

    /// How many outages are reported for `now`.
    #[must_use]
    pub fn outages_now(&self, now: Timestamp) -> u64 {
        let lasts = |outage: &&Outage| outage.known_from <= now && outage.starts <= now && now <= outage.ends;
        self.outages.iter().filter(lasts).count() as u64
    }

    fn silent(
        &self,
        departments: &[u32],
        at: Timestamp,
        now: Timestamp,
        rule: GapRule,
    ) -> Option<(Unknown, Timestamp)> {
        for &department in departments.iter().filter(|&&department| department != NONE) {
            let from = (department, RelationshipKind::Encounter);
            for (&(_, kind), times) in self.activity.range(from..=(department, RelationshipKind::Other)) {
                if let Some(until) = silent_until(times, at, now, rule) {
                    return Some((Unknown::Silent(kind), until));
                }
            }
        }
        None
    }
}

/// Until when an access at `at` lies in a gap of these recording times, if it does.
fn silent_until(times: &[Timestamp], at: Timestamp, now: Timestamp, rule: GapRule) -> Option<Timestamp> {
    let next = times.partition_point(|&time| time <= at);
    let last = *times.get(next.checked_sub(1)?)?;
    let filled = times.get(next).copied().filter(|&time| time <= now);
    let silence = filled.unwrap_or(now.min(rule.input_end)) - last;
    if silence < rule.feed_gap || last - times[0] < HISTORY {
        return None;
    }
    let first = times.partition_point(|&time| time < last.minus(HISTORY));
    let usual = times[first..next].windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
    if silence <= 2 * usual {
        return None;
    }
    let until = filled.map_or(Timestamp::MAX, |time| time.plus(rule.settle_window));
    (now < until).then_some(until)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::HOUR;

    const RULE: GapRule = GapRule { feed_gap: 6 * HOUR, input_end: Timestamp::MAX, settle_window: 72 * HOUR };
    const WARD: u32 = 4;

    fn hourly(days: i64) -> Feeds {
        let mut feeds = Feeds::default();
        feeds.saw_relationship();
        for hour in 0..days * 24 {
            feeds.saw(WARD, RelationshipKind::Encounter, Timestamp(hour * HOUR));
        }
        feeds
    }

    fn unknown(feeds: &Feeds, at: i64, now: i64) -> Option<(Unknown, Timestamp)> {
        feeds.unknown(&[WARD], Timestamp(at * HOUR), Timestamp(now * HOUR), RULE)
    }

    #[test]
    fn a_long_silence_of_a_busy_feed_is_a_gap_until_settled_after_it() {
        let mut feeds = hourly(10);
        assert_eq!(unknown(&feeds, 240, 242), None);
        assert_eq!(unknown(&feeds, 241, 250), Some((Unknown::Silent(RelationshipKind::Encounter), Timestamp::MAX)));
        feeds.saw(WARD, RelationshipKind::Encounter, Timestamp(280 * HOUR));
        assert_eq!(unknown(&feeds, 241, 281).map(|(_, until)| until), Some(Timestamp(352 * HOUR)));
        assert_eq!(unknown(&feeds, 241, 352), None);
    }

    #[test]
    fn with_little_history_nothing_is_a_gap() {
        assert_eq!(unknown(&hourly(5), 125, 300), None);
    }

    #[test]
    fn the_end_of_the_input_is_no_gap() {
        let rule = GapRule { input_end: Timestamp(241 * HOUR), ..RULE };
        assert_eq!(hourly(10).unknown(&[WARD], Timestamp(241 * HOUR), Timestamp(9_000 * HOUR), rule), None);
    }

    #[test]
    fn another_units_feed_does_not_matter() {
        let feeds = hourly(10);
        assert_eq!(feeds.unknown(&[WARD + 1], Timestamp(250 * HOUR), Timestamp(260 * HOUR), RULE), None);
    }

    #[test]
    fn no_relationships_at_all_is_unknown() {
        let (why, _) = Feeds::default().unknown(&[WARD], Timestamp(0), Timestamp(0), RULE).unwrap();
        assert_eq!(why, Unknown::NoRelationships);
    }

    #[test]
    fn a_reported_outage_counts_for_its_unit_and_its_time() {
        let mut feeds = hourly(1);
        feeds.reported(Outage {
            department: WARD,
            starts: Timestamp(10 * HOUR),
            ends: Timestamp(58 * HOUR),
            known_from: Timestamp(12 * HOUR),
            record: 1,
        });
        assert_eq!(unknown(&feeds, 11, 11), None);
        assert_eq!(unknown(&feeds, 11, 12).map(|(why, _)| why), Some(Unknown::ReportedDown));
        assert_eq!(unknown(&feeds, 59, 59), None);
        assert_eq!(unknown(&feeds, 20, 58 + 72), None);
    }

    #[test]
    fn a_unit_that_is_silent_now_is_counted_until_it_speaks_again() {
        let mut feeds = hourly(10);
        let silent = |feeds: &Feeds, hour: i64| feeds.silent_now(Timestamp(hour * HOUR), RULE.feed_gap);
        assert_eq!(silent(&feeds, 242), BTreeMap::new());
        assert_eq!(silent(&feeds, 250), BTreeMap::from([(RelationshipKind::Encounter, 1)]));
        feeds.saw(WARD, RelationshipKind::Encounter, Timestamp(250 * HOUR));
        assert_eq!(silent(&feeds, 251), BTreeMap::new());
    }

    #[test]
    fn an_outage_lasts_from_its_start_to_its_end_once_it_is_known() {
        let mut feeds = Feeds::default();
        let (starts, ends, known_from) = (Timestamp(10 * HOUR), Timestamp(20 * HOUR), Timestamp(12 * HOUR));
        feeds.reported(Outage { department: NONE, starts, ends, known_from, record: 1 });
        let counts = [11, 12, 20, 21].map(|hour| feeds.outages_now(Timestamp(hour * HOUR)));
        assert_eq!(counts, [0, 1, 1, 0]);
    }
}
