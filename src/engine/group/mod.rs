//! Incidents of many parts: harvesting by one person, a crowd on one chart, small looks over months.
//!
//! Shards tell what of an episode nothing explains, by value and with its time. The desk takes that in the order
//! of time, then of user and patient, so neither shards nor batches show.

mod burst;
mod gather;
mod part;

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use jiff::civil::Date;
use rustc_hash::FxBuildHasher;

use crate::model::incident::{ChangeReason, IncidentChange, IncidentKind, Status};
use crate::model::time::{DAY, Timestamp};

use super::context::Context;
use super::rules::Rules;
pub(super) use burst::Burst;
use burst::Gathered;
use gather::{Keyed, REMEMBERED};
pub(super) use part::{Part, PartKey};

/// How long a part without a link to the person is looked at.
const FRESH: i64 = 7 * DAY;

/// What the desk tells the shards about an episode.
#[derive(Clone, Debug)]
pub(super) enum Notice {
    /// It is part of this incident, or of none any more.
    Group(Option<Box<str>>),
    /// Its own incident is merged into that of the group, as it stood then.
    Merged(Box<super::episode::Case>),
    /// Its own incident stands by itself again.
    Parted,
}

/// What is known of a user or a chart.
#[derive(Debug, Default)]
struct Book {
    parts: BTreeSet<PartKey>,
    /// Parts of each local day.
    days: BTreeMap<Date, BTreeSet<PartKey>>,
    /// How many there were on days whose parts are forgotten.
    counts: BTreeMap<Date, u32>,
    /// Its incidents, by kind; the newest of each.
    bursts: BTreeMap<IncidentKind, usize>,
}

/// Looks at all unexplained accesses together.
#[derive(Debug, Default)]
pub(super) struct Desk {
    parts: HashMap<PartKey, Part, FxBuildHasher>,
    users: HashMap<u32, Book, FxBuildHasher>,
    patients: HashMap<u32, Book, FxBuildHasher>,
    pub(super) bursts: Vec<Burst>,
    timers: BTreeSet<(Timestamp, usize)>,
    /// Own incidents of parts that are merged, with the time and the incident that took them in.
    merged: HashMap<String, Timestamp>,
    /// What the shards must be told, in order.
    pub(super) notices: Vec<(PartKey, Notice)>,
    /// Incidents that changed since the last call.
    pub(super) changed: BTreeSet<usize>,
    out: Vec<IncidentChange>,
}

/// What the desk needs to see.
#[derive(Clone, Copy)]
pub(super) struct Sight<'s> {
    pub(super) rules: &'s Rules,
    pub(super) context: &'s Context,
}

impl Desk {
    /// Lives through the time up to `until`. `parts` must be in the order of time.
    pub(super) fn live(
        &mut self,
        parts: Vec<(PartKey, Part)>,
        until: Timestamp,
        sight: Sight<'_>,
    ) -> Vec<IncidentChange> {
        for (key, part) in parts {
            let now = part.at;
            self.fire(now.minus(1), sight);
            self.take(key, part, now, sight);
        }
        self.fire(until, sight);
        std::mem::take(&mut self.out)
    }

    /// Takes a part in without acting on it: it was acted on before it was saved.
    pub(super) fn recall(&mut self, key: PartKey, part: Part) {
        self.note(key, &part);
        self.parts.insert(key, part);
    }

    /// Takes a saved incident in.
    pub(super) fn restore(&mut self, burst: Burst) {
        let number = self.bursts.len();
        self.timers.insert((burst.due, number));
        self.book(burst.kind, burst.about).bursts.insert(burst.kind, number);
        for (key, part) in &burst.parts {
            if let Some((case, _)) = part.case.as_ref().filter(|(case, _)| case.status == Status::Merged) {
                self.merged.insert(case.incident_id.clone(), part.at);
            }
            let group = burst.is_told.then(|| burst.case.incident_id.as_str().into());
            self.notices.push((*key, Notice::Group(group)));
        }
        self.bursts.push(burst);
    }

    /// Whether what a shard says of an incident of its own is overtaken: it had become part of another.
    pub(super) fn is_overtaken(&self, change: &IncidentChange) -> bool {
        change.reason != ChangeReason::Merged
            && self.merged.get(&change.incident.incident_id).is_some_and(|at| *at <= change.emitted_at)
    }

    fn book(&mut self, kind: IncidentKind, about: u32) -> &mut Book {
        let books = if kind == IncidentKind::PatientBurst { &mut self.patients } else { &mut self.users };
        books.entry(about).or_default()
    }

    fn note(&mut self, key: PartKey, part: &Part) {
        for book in [self.users.entry(part.user).or_default(), self.patients.entry(part.patient).or_default()] {
            book.parts.insert(key);
        }
        let book = self.users.entry(part.user).or_default();
        for day in &part.days {
            book.days.entry(*day).or_default().insert(key);
        }
    }

    fn forget(&mut self, key: PartKey, is_over: bool) {
        let Some(part) = self.parts.remove(&key) else { return };
        if let Some(book) = self.patients.get_mut(&part.patient) {
            book.parts.remove(&key);
        }
        let Some(book) = self.users.get_mut(&part.user) else { return };
        book.parts.remove(&key);
        for day in &part.days {
            if book.days.get_mut(day).is_some_and(|parts| parts.remove(&key)) && is_over {
                *book.counts.entry(*day).or_default() += 1;
            }
        }
    }

    fn take(&mut self, key: PartKey, part: Part, now: Timestamp, sight: Sight<'_>) {
        let (user, patient) = (part.user, part.patient);
        let old_days = self.parts.get(&key).map(|old| old.days.clone()).unwrap_or_default();
        let days: BTreeSet<Date> = old_days.into_iter().chain(part.days.iter().copied()).collect();
        self.forget(key, false);
        if !part.accesses.is_empty() {
            self.note(key, &part);
            self.parts.insert(key, part);
        }
        self.tidy(user, now, sight);
        for day in days {
            self.regroup_day(user, day, now, sight);
        }
        self.regroup_series(user, now, sight);
        self.regroup_chart(patient, now, sight);
    }

    /// Forgets what is too old to matter; the counts of days stay.
    fn tidy(&mut self, user: u32, now: Timestamp, sight: Sight<'_>) {
        let Some(book) = self.users.get_mut(&user) else { return };
        let is_old = |part: &Part| {
            let links = part.evidence.iter().any(|one| sight.rules.group(one).is_tie());
            part.newest() < now.minus(if links { REMEMBERED } else { FRESH })
        };
        let old: Vec<PartKey> =
            book.parts.iter().copied().filter(|key| self.parts.get(key).is_some_and(is_old)).collect();
        let oldest = gather::usual_from(sight.rules.zone.date(now.minus(REMEMBERED)));
        book.counts.retain(|day, _| *day >= oldest);
        old.into_iter().for_each(|key| self.forget(key, true));
    }

    fn regroup_day(&mut self, user: u32, day: Date, now: Timestamp, sight: Sight<'_>) {
        let Some(book) = self.users.get(&user) else { return };
        let keys = book.days.get(&day).cloned().unwrap_or_default();
        let from = gather::usual_from(day);
        let before = book.days.range(from..day).map(|(_, parts)| parts.len() as u32).sum::<u32>()
            + book.counts.range(from..day).map(|(_, count)| count).sum::<u32>();
        let parts: Vec<Keyed<'_>> = keys.iter().filter_map(|key| Some((*key, self.parts.get(key)?))).collect();
        let texts = &sight.context.dictionary.patients;
        let gathered = gather::day(&parts, before, sight.rules, |patient| number_in(texts.text(patient)));
        // Days of one incident are weighed one by one; a day that no longer holds leaves it.
        let current = self.current(IncidentKind::UserBurst, user, now, sight);
        let gathered = match (gathered, current) {
            (Some(mut gathered), Some(burst)) => {
                let others = burst.parts.iter().filter(|(_, part)| !part.days.contains(&day));
                gathered.members.extend(others.map(|(key, _)| *key));
                Some(gathered)
            }
            (None, Some(burst)) if burst.days().iter().any(|other| *other != day) => return,
            (gathered, _) => gathered,
        };
        self.move_on(IncidentKind::UserBurst, user, gathered, now, sight);
    }

    fn regroup_series(&mut self, user: u32, now: Timestamp, sight: Sight<'_>) {
        let Some(book) = self.users.get(&user) else { return };
        let in_burst = book.bursts.get(&IncidentKind::UserBurst).map(|&number| &self.bursts[number].parts);
        let keys = book.parts.iter().filter(|key| in_burst.is_none_or(|parts| !parts.contains_key(*key)));
        let parts: Vec<Keyed<'_>> = keys.filter_map(|key| Some((*key, self.parts.get(key)?))).collect();
        let gathered = gather::series(&parts, now, sight.rules);
        self.move_on(IncidentKind::Serial, user, gathered, now, sight);
    }

    fn regroup_chart(&mut self, patient: u32, now: Timestamp, sight: Sight<'_>) {
        let Some(book) = self.patients.get(&patient) else { return };
        let fresh = |part: &&Part| part.newest() >= now.minus(FRESH);
        let parts: Vec<Keyed<'_>> =
            book.parts.iter().filter_map(|key| Some((*key, self.parts.get(key).filter(fresh)?))).collect();
        let gathered = gather::chart(&parts, sight.rules);
        self.move_on(IncidentKind::PatientBurst, patient, gathered, now, sight);
    }

    /// The incident that new parts would join.
    fn current(&self, kind: IncidentKind, about: u32, now: Timestamp, sight: Sight<'_>) -> Option<&Burst> {
        let books = if kind == IncidentKind::PatientBurst { &self.patients } else { &self.users };
        let burst = &self.bursts[*books.get(&about)?.bursts.get(&kind)?];
        let gap = sight.rules.engine.episode_gap.micros();
        (now - burst.newest() <= gap).then_some(burst)
    }

    /// Opens, grows or withdraws the incident of a person or a chart.
    fn move_on(
        &mut self,
        kind: IncidentKind,
        about: u32,
        gathered: Option<Gathered>,
        now: Timestamp,
        sight: Sight<'_>,
    ) {
        let is_current = self.current(kind, about, now, sight).is_some();
        let number = self.book(kind, about).bursts.get(&kind).copied().filter(|_| is_current);
        let (number, gathered) = match (number, gathered) {
            (None, None) => return,
            (Some(number), gathered) => (number, gathered),
            (None, Some(gathered)) => {
                let parts = self.members(&gathered);
                let Some(burst) = Burst::open(kind, about, parts, sight.rules, sight.context) else { return };
                self.bursts.push(burst);
                let number = self.bursts.len() - 1;
                self.book(kind, about).bursts.insert(kind, number);
                (number, Some(gathered))
            }
        };
        self.update(number, gathered, now, sight);
    }

    fn members(&self, gathered: &Gathered) -> BTreeMap<PartKey, Part> {
        gathered.members.iter().filter_map(|key| Some((*key, self.parts.get(key)?.clone()))).collect()
    }

    fn update(&mut self, number: usize, gathered: Option<Gathered>, now: Timestamp, sight: Sight<'_>) {
        let fresh = gathered.as_ref().map(|gathered| self.members(gathered));
        let burst = &mut self.bursts[number];
        let old: BTreeSet<PartKey> = burst.parts.keys().copied().collect();
        burst.holds = gathered.is_some();
        if let (Some(gathered), Some(mut parts)) = (gathered, fresh) {
            // Parts that are forgotten by now stay as they were.
            for key in gathered.members.iter().filter(|key| !parts.contains_key(*key)).copied().collect::<Vec<_>>() {
                parts.extend(burst.parts.remove(&key).map(|part| (key, part)));
            }
            burst.findings = gathered.findings;
            burst.parts = parts;
        }
        let group: Option<Box<str>> = burst.is_told.then(|| burst.case.incident_id.as_str().into());
        let joined = burst.parts.keys().filter(|key| !old.contains(*key) && group.is_some());
        self.notices.extend(joined.map(|key| (*key, Notice::Group(group.clone()))));
        let left: Vec<PartKey> = old.iter().filter(|key| !burst.parts.contains_key(*key)).copied().collect();
        for key in left {
            self.notices.push((key, Notice::Group(None)));
            self.part_again(key);
        }
        self.advance(number, now, sight);
    }

    /// Moves an incident on, and takes its parts' own incidents in or gives them back.
    fn advance(&mut self, number: usize, now: Timestamp, sight: Sight<'_>) {
        let burst = &mut self.bursts[number];
        self.timers.remove(&(burst.due, number));
        self.out.extend(burst.advance(now, sight.rules, sight.context));
        if burst.due != Timestamp::MAX {
            self.timers.insert((burst.due, number));
        }
        self.changed.insert(number);
        let stands = burst.case.status != Status::Withdrawn;
        let keys: Vec<PartKey> = burst.parts.keys().copied().collect();
        if burst.is_told != stands {
            burst.is_told = stands;
            let group: Option<Box<str>> = stands.then(|| burst.case.incident_id.as_str().into());
            self.notices.extend(keys.iter().map(|key| (*key, Notice::Group(group.clone()))));
        }
        for key in keys {
            if stands { self.merge(number, key, now) } else { self.part_again(key) }
        }
    }

    fn merge(&mut self, number: usize, key: PartKey, now: Timestamp) {
        let burst = &mut self.bursts[number];
        let into = burst.case.incident_id.clone();
        let Some(part) = burst.parts.get_mut(&key) else { return };
        let Some((case, incident)) = part.case.as_mut() else { return };
        if self.merged.contains_key(&case.incident_id) || !matches!(case.status, Status::Provisional | Status::Open) {
            return;
        }
        case.status = Status::Merged;
        case.merged_into = Some(into.clone());
        (incident.status, incident.merged_into) = (Status::Merged, Some(into));
        if case.is_handed {
            case.sequence += 1;
            self.out.push(IncidentChange {
                emitted_at: now,
                sequence: case.sequence,
                reason: ChangeReason::Merged,
                incident: incident.clone(),
                units: vec![part.unit.clone()],
                recorded_at: Some(part.instants[0]).filter(|at| at.is_finite()),
                available_at: Some(part.instants[1]).filter(|at| at.is_finite()),
                ingested_at: Some(part.instants[2]).filter(|at| at.is_finite()),
            });
        }
        self.merged.insert(case.incident_id.clone(), now);
        self.notices.push((key, Notice::Merged(Box::new(case.clone()))));
    }

    /// A part's own incident stands by itself again.
    fn part_again(&mut self, key: PartKey) {
        let own = self.parts.get(&key).and_then(|part| part.case.as_ref()).map(|(case, _)| case.incident_id.clone());
        if own.is_some_and(|own| self.merged.remove(&own).is_some()) {
            self.notices.push((key, Notice::Parted));
        }
    }

    fn fire(&mut self, until: Timestamp, sight: Sight<'_>) {
        while let Some(&(due, number)) = self.timers.first().filter(|(due, _)| *due <= until) {
            self.timers.remove(&(due, number));
            self.advance(number, due, sight);
        }
    }
}

/// The number in a record number's text: its last run of digits.
fn number_in(text: &str) -> Option<u64> {
    let end = text.rfind(|c: char| c.is_ascii_digit())? + 1;
    let start = text[..end].rfind(|c: char| !c.is_ascii_digit()).map_or(0, |place| place + 1);
    text.get(start..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_numbers_are_read_from_their_text() {
        assert_eq!(number_in("M1000952"), Some(1_000_952));
        assert_eq!(number_in("MRN-0042-A"), Some(42));
        assert_eq!(number_in("nobody"), None);
    }
}
