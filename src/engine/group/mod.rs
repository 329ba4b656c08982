//! Incidents of many parts: harvesting by one person, a crowd on one chart, small looks over months.
//!
//! Shards tell what of an episode nothing explains, by value and with its time. The desk takes that in the order
//! of time, then of user and patient, so neither shards nor batches show. Nothing that the desk decides comes back
//! to the shards but which incident an episode counts in: what a pair's own incident becomes is laid over what
//! its shard says of it.

mod burst;
mod gather;
mod part;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use jiff::civil::Date;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use crate::model::incident::{ChangeReason, Incident, IncidentChange, IncidentKind, Status};
use crate::model::time::{DAY, Timestamp};

use super::context::Context;
use super::evidence::Evidence;
use super::rules::Rules;
pub(super) use burst::Burst;
use gather::{Gathered, Keyed, REMEMBERED};
pub(super) use part::{Part, PartKey};
pub(super) use told::Told;

/// How long a part without a link to the person is looked at.
const FRESH: i64 = 7 * DAY;

/// What groups make of a pair's own incident. The shard that has it goes on as if it stood alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Overlay {
    /// The incident that it is part of now.
    pub(super) into: Option<String>,
    /// Number of the incident that took it in last.
    by: usize,
    /// Handoffs that the desk made, less those that it kept back: what its own count is off by.
    offset: i64,
}

/// Which incident of a group an episode is part of, if any.
pub(super) type Notice = (PartKey, Option<Box<str>>);

/// What is known of a user or a chart.
#[derive(Debug, Default)]
struct Book {
    parts: BTreeSet<PartKey>,
    /// Parts of each local day.
    days: BTreeMap<Date, BTreeSet<PartKey>>,
    /// How many parts of each day are forgotten, and which.
    counts: BTreeMap<Date, u32>,
    counted: BTreeMap<PartKey, Vec<Date>>,
    /// Its incidents, by kind.
    bursts: BTreeMap<IncidentKind, Vec<usize>>,
}

/// Looks at all unexplained accesses together.
#[derive(Debug, Default)]
pub(super) struct Desk {
    parts: HashMap<PartKey, Part, FxBuildHasher>,
    users: HashMap<u32, Book, FxBuildHasher>,
    patients: HashMap<u32, Book, FxBuildHasher>,
    pub(super) bursts: Vec<Burst>,
    /// In how many incidents each part is: late facts may change those, however old.
    held: HashMap<PartKey, u32, FxBuildHasher>,
    /// What is left of a held part that the news have cut in two; they are looked at with it.
    rests: BTreeSet<PartKey>,
    timers: BTreeSet<(Timestamp, usize)>,
    /// By the id of a pair's own incident.
    overlays: HashMap<String, Overlay>,
    /// Which incident an episode is part of, where that changed.
    pub(super) notices: Vec<Notice>,
    /// Incidents that changed since the last call.
    pub(super) changed: BTreeSet<usize>,
    /// Parts that were told anew or are forgotten for good, where they are kept apart from their episodes.
    pub(super) moved: Option<BTreeSet<PartKey>>,
    out: Vec<IncidentChange>,
}

/// What the desk needs to see.
#[derive(Clone, Copy)]
pub(super) struct Sight<'s> {
    pub(super) rules: &'s Rules,
    pub(super) context: &'s Context,
}

impl Desk {
    /// A desk that notes which parts are told anew, because nobody else keeps them.
    pub(super) fn apart() -> Self {
        Self { moved: Some(BTreeSet::new()), ..Self::default() }
    }

    /// Lives through the time up to `until`; `told` is what came since the last call. Gives what has to be handed over.
    pub(super) fn live(&mut self, mut told: Vec<Told>, until: Timestamp, sight: Sight<'_>) -> Vec<IncidentChange> {
        told::sort(&mut told, sight.context);
        let mut told = told.into_iter().peekable();
        while let Some(one) = told.next() {
            match one {
                Told::Handoff(change) => {
                    self.fire(change.emitted_at.minus(1), sight);
                    self.pass(*change);
                }
                Told::Part(key, part) => {
                    let now = part.at;
                    self.fire(now.minus(1), sight);
                    // What is told at one instant is one piece of news.
                    let mut news = vec![(key, *part)];
                    while let Some(Told::Part(key, part)) =
                        told.next_if(|next| matches!(next, Told::Part(_, part) if part.at == now))
                    {
                        news.push((key, *part));
                    }
                    self.take(news, now, sight);
                }
            }
        }
        self.fire(until, sight);
        std::mem::take(&mut self.out)
    }

    /// Hands a pair's own incident on, unless it is part of another; then that one speaks for it.
    fn pass(&mut self, mut change: IncidentChange) {
        if let Some(overlay) = self.overlays.get_mut(&change.incident.incident_id) {
            self.changed.insert(overlay.by);
            if overlay.into.is_some() {
                overlay.offset -= 1;
                return;
            }
            change.sequence = shifted(change.sequence, overlay.offset);
        }
        self.out.push(change);
    }

    /// Shows a pair's own incident as what it is part of.
    pub(super) fn lay_over(&self, incident: &mut Incident) {
        let into = self.overlays.get(&incident.incident_id).and_then(|overlay| overlay.into.clone());
        let stands = matches!(incident.status, Status::Provisional | Status::Open);
        if into.is_some() && stands {
            (incident.status, incident.merged_into) = (Status::Merged, into);
        }
    }

    /// Takes a part in without acting on it: it was acted on before it was saved.
    pub(super) fn recall(&mut self, key: PartKey, part: Part) {
        self.note(key, &part);
        self.parts.insert(key, part);
    }

    /// Takes a saved incident in.
    pub(super) fn restore(&mut self, burst: Burst, overlays: Vec<(String, Overlay)>) {
        let number = self.bursts.len();
        self.timers.insert((burst.due, number));
        self.overlays.extend(overlays);
        self.book(burst.kind, burst.about).bursts.entry(burst.kind).or_default().push(number);
        for key in burst.parts.keys() {
            *self.held.entry(*key).or_default() += 1;
            let group = burst.is_told.then(|| burst.case.incident_id.as_str().into());
            self.notices.push((*key, group));
        }
        self.bursts.push(burst);
    }

    /// What the incident of a number makes of pairs' own incidents, to be saved with it.
    pub(super) fn overlays_by(&self, number: usize) -> Vec<(String, Overlay)> {
        let own = self.overlays.iter().filter(|(_, overlay)| overlay.by == number);
        let mut own: Vec<(String, Overlay)> = own.map(|(id, overlay)| (id.clone(), overlay.clone())).collect();
        own.sort_by(|one, other| one.0.cmp(&other.0));
        own
    }

    /// A part, as it was told last.
    pub(super) fn part(&self, key: PartKey) -> Option<&Part> {
        self.parts.get(&key)
    }

    /// The parts of a person and a chart.
    pub(super) fn parts_of(&self, user: u32, patient: u32) -> impl Iterator<Item = PartKey> {
        let (of_user, of_patient) = (self.users.get(&user), self.patients.get(&patient));
        let both = of_user.zip(of_patient).into_iter();
        both.flat_map(|(user, patient)| user.parts.intersection(&patient.parts).copied())
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
        if is_over {
            book.counted.insert(key, part.days.clone());
        }
        for day in &part.days {
            let Some(parts) = book.days.get_mut(day) else { continue };
            if parts.remove(&key) && is_over {
                *book.counts.entry(*day).or_default() += 1;
            }
            if parts.is_empty() {
                book.days.remove(day);
            }
        }
    }

    fn take(&mut self, news: Vec<(PartKey, Part)>, now: Timestamp, sight: Sight<'_>) {
        let held: BTreeSet<(u32, u32)> =
            news.iter().filter(|(key, _)| self.held.contains_key(key)).map(|(_, part)| part.pair()).collect();
        self.rests = news.iter().filter(|(_, part)| held.contains(&part.pair())).map(|(key, _)| *key).collect();
        let told: BTreeSet<PartKey> = news.iter().map(|(key, _)| *key).collect();
        let (mut users, mut patients) = (Vec::new(), Vec::new());
        for (key, part) in news {
            for old in self.told_again(&part, &told) {
                self.moved.iter_mut().for_each(|moved| moved.extend([old]));
                self.forget(old, false);
            }
            users.push(part.user);
            patients.push(part.patient);
            self.moved.iter_mut().for_each(|moved| moved.extend([key]));
            self.discount(part.user, key);
            self.forget(key, false);
            if !part.accesses.is_empty() {
                self.note(key, &part);
                self.parts.insert(key, part);
            }
        }
        // In the order of their first mention, which is that of their texts.
        let mut seen = BTreeSet::new();
        for user in users.into_iter().filter(|user| seen.insert(*user)) {
            self.tidy(user, now, sight);
            self.regroup_days(user, now, sight);
            self.regroup_series(user, now, sight);
        }
        let texts = &sight.context.dictionary.patients;
        patients.sort_by_key(|patient| texts.text(*patient));
        patients.dedup();
        patients.into_iter().for_each(|patient| self.regroup_chart(patient, now, sight));
        self.rests.clear();
    }

    /// Takes back what was counted of a part that is told anew.
    fn discount(&mut self, user: u32, key: PartKey) {
        let Some(book) = self.users.get_mut(&user) else { return };
        for day in book.counted.remove(&key).unwrap_or_default() {
            if let Some(count) = book.counts.get_mut(&day) {
                *count -= 1;
            }
        }
    }

    /// Forgets what is too old to matter, for a person about whom there is news; the counts of days stay.
    fn tidy(&mut self, user: u32, now: Timestamp, sight: Sight<'_>) {
        let Some(book) = self.users.get_mut(&user) else { return };
        let is_old = |part: &Part| {
            let links = part.evidence.iter().any(|one| sight.rules.group(one).is_tie());
            part.newest() < now.minus(if links { REMEMBERED } else { FRESH }) && part.case.is_none()
        };
        let is_kept = |key: &PartKey| self.held.contains_key(key) || self.rests.contains(key);
        let loose = book.parts.iter().copied().filter(|key| !is_kept(key));
        let old: Vec<PartKey> = loose.filter(|key| self.parts.get(key).is_some_and(is_old)).collect();
        let oldest = gather::usual_from(sight.rules.zone.date(now.minus(REMEMBERED)));
        book.counts.retain(|day, _| *day >= oldest);
        let gone = book.counted.extract_if(.., |_, days| days.last().is_none_or(|day| *day < oldest));
        let gone: Vec<PartKey> = gone.map(|(key, _)| key).collect();
        self.moved.iter_mut().for_each(|moved| moved.extend(&gone));
        old.into_iter().for_each(|key| self.forget(key, true));
    }

    /// Looks at every day of a person that is remembered: what is explained late on one day changes what is usual
    /// on the days after.
    fn regroup_days(&mut self, user: u32, now: Timestamp, sight: Sight<'_>) {
        let Some(book) = self.users.get(&user) else { return };
        let is_busy = book.days.values().any(|parts| parts.len() > 1);
        if !is_busy && !book.bursts.contains_key(&IncidentKind::UserBurst) {
            return;
        }
        let texts = &sight.context.dictionary.patients;
        let mut found = Vec::new();
        for (&day, keys) in &book.days {
            let from = gather::usual_from(day);
            let before = book.days.range(from..day).map(|(_, parts)| parts.len() as u32).sum::<u32>()
                + book.counts.range(from..day).map(|(_, count)| count).sum::<u32>();
            let parts: Vec<Keyed<'_>> = keys.iter().filter_map(|key| Some((*key, self.parts.get(key)?))).collect();
            found.extend(gather::day(&parts, before, sight.rules, |patient| number_in(texts.text(patient))));
        }
        self.move_on(IncidentKind::UserBurst, user, found, now, sight);
    }

    fn regroup_series(&mut self, user: u32, now: Timestamp, sight: Sight<'_>) {
        let Some(book) = self.users.get(&user) else { return };
        let bursts = book.bursts.get(&IncidentKind::UserBurst).into_iter().flatten();
        let bursts: Vec<&Burst> = bursts.map(|&number| &self.bursts[number]).filter(|burst| burst.stands()).collect();
        let is_free = |key: &&PartKey| bursts.iter().all(|burst| !burst.parts.contains_key(*key));
        let keys = book.parts.iter().filter(is_free);
        let parts: Vec<Keyed<'_>> = keys.filter_map(|key| Some((*key, self.parts.get(key)?))).collect();
        let found = gather::series(&parts, sight.rules);
        self.move_on(IncidentKind::Serial, user, found, now, sight);
    }

    fn regroup_chart(&mut self, patient: u32, now: Timestamp, sight: Sight<'_>) {
        let Some(book) = self.patients.get(&patient) else { return };
        let keyed = book.parts.iter().filter_map(|key| Some((*key, self.parts.get(key)?)));
        let matters = |(key, part): &Keyed<'_>| {
            let is_kept = self.held.contains_key(key) || self.rests.contains(key);
            part.newest() >= now.minus(FRESH) || part.case.is_some() || is_kept
        };
        let parts: Vec<Keyed<'_>> = keyed.filter(matters).collect();
        let found = gather::chart(&parts, sight.rules);
        self.move_on(IncidentKind::PatientBurst, patient, found, now, sight);
    }

    /// Opens, grows or withdraws the incidents of a person or a chart: one for each stretch of time without a
    /// gap. When the access that one started with is explained and what remains started on another day, that is
    /// another incident: the one that a run with the explaining record known in time would have found.
    fn move_on(&mut self, kind: IncidentKind, about: u32, found: Vec<Gathered>, now: Timestamp, sight: Sight<'_>) {
        let mut old = self.book(kind, about).bursts.get(&kind).cloned().unwrap_or_default();
        if found.is_empty() && old.is_empty() {
            return;
        }
        let gap = if kind == IncidentKind::Serial { REMEMBERED } else { sight.rules.engine.episode_gap.micros() };
        let mut moves = Vec::new();
        for stretch in gather::stretches(found, gap, &self.parts) {
            let parts: BTreeMap<PartKey, Part> =
                stretch.members.iter().filter_map(|key| Some((*key, self.parts.get(key)?.clone()))).collect();
            let Some(fresh) = Burst::open(kind, about, &parts, sight.rules, sight.context) else { continue };
            let goes_on = |number: &usize| {
                let burst = &self.bursts[*number];
                burst.stands() && burst.started_among(&parts) || burst.case.incident_id == fresh.case.incident_id
            };
            let number = match old.iter().position(goes_on) {
                Some(place) => old.remove(place),
                None => {
                    self.bursts.push(fresh);
                    let number = self.bursts.len() - 1;
                    self.book(kind, about).bursts.entry(kind).or_default().push(number);
                    number
                }
            };
            moves.push((number, parts, stretch.findings));
        }
        for number in old.into_iter().filter(|&number| self.bursts[number].stands()).collect::<Vec<_>>() {
            self.bursts[number].holds = false;
            self.advance(number, now, sight);
        }
        for (number, parts, findings) in moves {
            self.update(number, parts, findings, now, sight);
        }
    }

    /// Gives an incident the parts that it has now.
    fn update(
        &mut self,
        number: usize,
        parts: BTreeMap<PartKey, Part>,
        findings: Vec<Evidence>,
        now: Timestamp,
        sight: Sight<'_>,
    ) {
        let burst = &mut self.bursts[number];
        let old = std::mem::replace(&mut burst.parts, parts);
        (burst.holds, burst.findings) = (true, findings);
        let group: Option<Box<str>> = burst.is_told.then(|| burst.case.incident_id.as_str().into());
        for key in burst.parts.keys().filter(|key| !old.contains_key(*key)) {
            *self.held.entry(*key).or_default() += 1;
            self.notices.extend(group.iter().map(|group| (*key, Some(group.clone()))));
        }
        let left: Vec<PartKey> = old.into_keys().filter(|key| !burst.parts.contains_key(key)).collect();
        for key in left {
            if self.held.get_mut(&key).is_some_and(|count| std::mem::replace(count, *count - 1) == 1) {
                self.held.remove(&key);
            }
            self.notices.push((key, None));
            self.part_again(key, number, now);
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
        let stands = burst.stands();
        let keys: Vec<PartKey> = burst.parts.keys().copied().collect();
        if burst.is_told != stands {
            burst.is_told = stands;
            let group: Option<Box<str>> = stands.then(|| burst.case.incident_id.as_str().into());
            self.notices.extend(keys.iter().map(|key| (*key, group.clone())));
        }
        for key in keys {
            if stands { self.merge(number, key, now) } else { self.part_again(key, number, now) }
        }
    }

    /// Takes a part's own incident in.
    fn merge(&mut self, number: usize, key: PartKey, now: Timestamp) {
        let Some((case, _)) = self.parts.get(&key).and_then(|part| part.case.as_ref()) else { return };
        let fresh = || Overlay { into: None, by: number, offset: 0 };
        let overlay = self.overlays.entry(case.incident_id.clone()).or_insert_with(fresh);
        if overlay.into.is_some() || !matches!(case.status, Status::Provisional | Status::Open) {
            return;
        }
        self.changed.insert(std::mem::replace(&mut overlay.by, number));
        overlay.into = Some(self.bursts[number].case.incident_id.clone());
        if case.is_handed {
            self.speak_for(key, ChangeReason::Merged, now);
        }
    }

    /// A part's own incident stands by itself again.
    fn part_again(&mut self, key: PartKey, number: usize, now: Timestamp) {
        let own = self.parts.get(&key).or_else(|| self.bursts[number].parts.get(&key));
        let Some((case, _)) = own.and_then(|part| part.case.as_ref()) else { return };
        let Some(overlay) = self.overlays.get_mut(&case.incident_id).filter(|overlay| overlay.by == number) else {
            return;
        };
        self.changed.insert(number);
        if overlay.into.take().is_some() && case.is_handed && case.status != Status::Withdrawn {
            self.speak_for(key, ChangeReason::Opened, now);
        }
    }

    /// Hands a part's own incident over as it stands.
    fn speak_for(&mut self, key: PartKey, reason: ChangeReason, now: Timestamp) {
        let Some(part) = self.parts.get(&key) else { return };
        let Some((case, incident)) = part.case.as_ref() else { return };
        let mut incident = incident.clone();
        self.lay_over(&mut incident);
        let Some(overlay) = self.overlays.get_mut(&case.incident_id) else { return };
        overlay.offset += 1;
        let known = |at: Timestamp| Some(at).filter(|at| at.is_finite());
        self.out.push(IncidentChange {
            emitted_at: now,
            sequence: shifted(case.sequence, overlay.offset),
            reason,
            incident,
            units: vec![part.unit.clone()],
            recorded_at: known(part.instants[0]),
            available_at: known(part.instants[1]),
            ingested_at: known(part.instants[2]),
        });
    }

    fn fire(&mut self, until: Timestamp, sight: Sight<'_>) {
        while let Some(&(due, number)) = self.timers.first().filter(|(due, _)| *due <= until) {
            self.timers.remove(&(due, number));
            self.advance(number, due, sight);
        }
    }
}

/// A sequence number, so much later or earlier.
fn shifted(sequence: u32, offset: i64) -> u32 {
    u32::try_from(i64::from(sequence) + offset).unwrap_or(sequence)
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
