//! One shard: the accesses of some users, in event-time order.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::model::time::Timestamp;

use super::access::{Access, Rows, Standing};
use super::context::{Context, Target, Touch};
use super::enrich::Moment;
use super::episode::{Episode, Member};
use super::evidence::RolePart;
use super::group::Part;
use super::horizon::{Horizon, Identity};
use super::output::{Output, Slots, Tally, slot_episode, slot_rows};
use super::rules::Rules;

/// Rows whose memory is asked for together.
const WARMED: usize = 16;

/// What is reported of every access when it can change no more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Report {
    pub(super) verdicts: bool,
    pub(super) slots: bool,
}

/// What a shard needs to see while it works.
#[derive(Clone, Copy)]
pub(super) struct World<'w> {
    pub(super) rules: &'w Rules,
    pub(super) context: &'w Context,
    /// Silence after this is no feed gap.
    pub(super) input_end: Timestamp,
    pub(super) report: Report,
}

impl<'w> World<'w> {
    /// What is known at an instant; with the accesses of `horizon`.
    pub(super) fn at(&self, now: Timestamp, horizon: Option<&'w Horizon>) -> Moment<'w> {
        Moment { now, input_end: self.input_end, context: self.context, horizon }
    }
}

/// The state of one shard.
#[derive(Default)]
pub(super) struct Shard {
    /// Rows that came since the last advance, block by block.
    pub(super) inbox: Vec<Rows>,
    /// Blocks of rows that were taken out of the inbox: their memory is used again.
    pub(super) spent: Vec<Rows>,
    /// Rows that wait for the watermark.
    pub(super) pending: Rows,
    /// Empty; its memory is used again.
    spare: Rows,
    pub(super) clock: Timestamp,
    pub(super) horizon: Horizon,
    pub(super) episodes: Vec<Option<Episode>>,
    /// Under which key each episode is saved; 0 = not yet.
    pub(super) keys: Vec<u64>,
    /// Rows restored from saved state that no episode holds.
    pub(super) to_judge: Vec<u32>,
    current: HashMap<(u32, u32), u32, FxBuildHasher>,
    pub(super) by_patient: HashMap<u32, Vec<u32>, FxBuildHasher>,
    by_user: HashMap<u32, Vec<u32>, FxBuildHasher>,
    timers: BinaryHeap<Reverse<(Timestamp, u32)>>,
    /// Counts of accesses that have left the horizon.
    pub(super) retired: Tally,
    pub(super) slots: Slots,
    pub(super) out: Output,
    /// What groups must hear about episodes, by place.
    pub(super) told: Vec<(u32, Part)>,
    /// Episodes that have ended, and when, to be let go of unless a group holds them.
    closing: Vec<(Timestamp, u32)>,
    /// Episodes changed since the last commit.
    pub(super) dirty: BTreeSet<u32>,
    scratch: Vec<u32>,
}

impl Shard {
    pub(super) fn new() -> Self {
        Self { clock: Timestamp::MIN, ..Self::default() }
    }

    /// What is held of a person and a chart.
    pub(super) fn episodes_of(&self, user: u32, patient: u32) -> impl Iterator<Item = &Episode> {
        let (of_user, of_patient) = (self.by_user.get(&user), self.by_patient.get(&patient));
        let fewest = of_user.into_iter().chain(of_patient).min_by_key(|places| places.len());
        let episodes = fewest.into_iter().flatten().filter_map(|place| self.episodes.get(*place as usize)?.as_ref());
        episodes.filter(move |episode| (episode.user, episode.patient) == (user, patient))
    }

    /// Takes rows in; they wait for the watermark.
    pub(super) fn push(&mut self, rows: Rows) {
        self.inbox.push(rows);
    }

    /// Takes out what is due.
    fn take_due(&mut self, until: Timestamp) -> Rows {
        let mut due = std::mem::take(&mut self.pending);
        for mut rows in self.inbox.drain(..) {
            due.append(&rows);
            rows.clear();
            self.spent.push(rows);
        }
        self.pending = std::mem::take(&mut self.spare);
        due.split_after(until, &mut self.pending);
        due
    }

    /// Lives through the time up to `until`: facts as they become known, timers as they fall due,
    /// accesses as they happen; facts first, accesses last where the instant is the same.
    pub(super) fn advance(&mut self, until: Timestamp, late: &[Touch], timeline: &[Touch], world: World<'_>) {
        for touch in late {
            self.touch(touch, world);
        }
        let started_at = self.clock;
        let mut due = self.take_due(until);
        due.sort(|patient| world.context.dictionary.patients.text(patient).to_owned());
        let mut timeline = timeline.iter().peekable();
        for rows in due.rows.chunks(WARMED) {
            let identities = self.warm(rows, &due, world.context);
            for (row, identity) in rows.iter().zip(identities) {
                self.live_until(row.at, &mut timeline, world);
                self.clock = self.clock.max(row.at);
                self.retired.late += u64::from(row.at <= started_at);
                self.admit(*row, identity, due.event_id(row), world);
            }
        }
        self.live_until(until, &mut timeline, world);
        self.clock = self.clock.max(until);
        due.clear();
        self.spare = due;
        self.retire(world);
    }

    fn live_until<'t>(
        &mut self,
        until: Timestamp,
        timeline: &mut std::iter::Peekable<impl Iterator<Item = &'t Touch>>,
        world: World<'_>,
    ) {
        loop {
            let fact_at = timeline.peek().map_or(Timestamp::MAX, |touch| touch.known_at);
            let timer_at = self.timers.peek().map_or(Timestamp::MAX, |Reverse((at, _))| *at);
            if fact_at.min(timer_at) > until || fact_at.min(timer_at) == Timestamp::MAX {
                return;
            }
            if fact_at <= timer_at {
                self.clock = self.clock.max(fact_at);
                if let Some(touch) = timeline.next() {
                    self.touch(touch, world);
                }
            } else if let Some(Reverse((at, place))) = self.timers.pop() {
                self.clock = self.clock.max(at);
                self.fire(at, place, world);
            }
        }
    }

    /// Touches the memory that the next rows will need. Each row needs several places far apart; asked
    /// for together, they arrive together instead of one after another.
    fn warm(&self, rows: &[Access], all: &Rows, context: &Context) -> [Identity; WARMED] {
        let mut identities = [Identity::default(); WARMED];
        let mut places = [((0, 0), 0); WARMED];
        for ((row, identity), place) in rows.iter().zip(&mut identities).zip(&mut places) {
            *identity = Identity::of(row, all.event_id(row));
            *place = (context.ties.last_of(row.patient), self.horizon.touch(*identity, row.patient));
        }
        let touched = places.iter().fold(0, |sum, (tie, row)| sum ^ context.ties.touch(*tie) ^ row);
        std::hint::black_box(touched);
        identities
    }

    /// Decides a row of the horizon that no episode holds, with the full look. Where it shows that the day is too
    /// much for the person's role, what the role had explained of it is decided again.
    fn judge(&mut self, number: u32, world: World<'_>) {
        if self.judge_alone(number, world) != RolePart::TooMuch {
            return;
        }
        let Some((row, _)) = self.horizon.find(number) else { return };
        let (user, day) = (row.user, world.rules.day_of(row.at));
        for number in self.horizon.by_role(user, day) {
            self.judge_alone(number, world);
        }
    }

    /// Decides one row; tells which part the person's role has in it.
    fn judge_alone(&mut self, number: u32, world: World<'_>) -> RolePart {
        let Some((row, event_id)) = self.horizon.find(number) else { return RolePart::None };
        let moment = world.at(self.clock, Some(&self.horizon));
        let decision = world.rules.decide(row, moment, None, &mut self.scratch);
        let (row, role) = (*row, decision.role);
        let member =
            decision.is_kept().then(|| Member { row, event_id: event_id.into(), decision: decision.clone(), number });
        if let Some(row) = self.horizon.find_mut(number) {
            row.stand(&decision);
        }
        if let Some(member) = member {
            let place = self.episode_for(&row, world);
            if let Some(Some(episode)) = self.episodes.get_mut(place as usize) {
                episode.add(member);
            }
            self.assess(place, world);
        }
        role
    }

    /// The episode that takes an access: the current one of the pair, or a new one after a gap.
    fn episode_for(&mut self, row: &Access, world: World<'_>) -> u32 {
        let pair = (row.user, row.patient);
        let gap = world.rules.engine.episode_gap.micros();
        if let Some(&place) = self.current.get(&pair) {
            match self.episodes[place as usize].as_ref() {
                Some(episode) if row.at - episode.last_at() <= gap => return place,
                _ => self.close(place, world),
            }
        }
        self.insert(Episode::new(row.user, row.patient))
    }

    /// Gives an episode a place and indexes it.
    fn insert(&mut self, episode: Episode) -> u32 {
        let place = self.episodes.len() as u32;
        if episode.is_current {
            self.current.insert((episode.user, episode.patient), place);
        }
        self.by_patient.entry(episode.patient).or_default().push(place);
        self.by_user.entry(episode.user).or_default().push(place);
        if episode.due != Timestamp::MAX {
            self.timers.push(Reverse((episode.due, place)));
        }
        self.episodes.push(Some(episode));
        self.keys.push(0);
        place
    }

    /// Like [`Shard::insert`], for an episode that is saved already.
    pub(super) fn insert_keyed(&mut self, episode: Episode, key: u64) -> u32 {
        let place = self.insert(episode);
        self.keys[place as usize] = key;
        place
    }

    /// Ends an episode: an incident stays, so that late facts can still change it; without one, only
    /// the report of its accesses remains.
    fn close(&mut self, place: u32, world: World<'_>) {
        let Some(episode) = self.episodes[place as usize].as_mut() else { return };
        episode.is_current = false;
        let pair = (episode.user, episode.patient);
        if self.current.get(&pair) == Some(&place) {
            self.current.remove(&pair);
        }
        self.dirty.insert(place);
        if episode.case.is_some() {
            episode.due = Timestamp::MAX;
            return;
        }
        let in_horizon = self.clock.minus(world.rules.engine.settle_window.micros());
        if episode.last_at() >= in_horizon {
            return;
        }
        self.closing.push((self.clock, place));
    }

    /// Lets go of episodes that had ended by `until` without an incident, neither of their own nor of a group.
    pub(super) fn bury(&mut self, until: Timestamp, world: World<'_>) {
        for (_, place) in self.closing.extract_if(.., |(at, _)| *at <= until).collect::<Vec<_>>() {
            let slot = &mut self.episodes[place as usize];
            let Some(episode) = slot.take_if(|episode| episode.case.is_none() && episode.group.is_none()) else {
                continue;
            };
            self.let_go(&episode, world);
            forget(&mut self.by_patient, episode.patient, place);
            forget(&mut self.by_user, episode.user, place);
        }
    }

    /// Notes in which incident of a group an episode counts.
    pub(super) fn heed(&mut self, place: u32, group: Option<Box<str>>) {
        if let Some(Some(episode)) = self.episodes.get_mut(place as usize) {
            episode.group = group;
            self.dirty.insert(place);
        }
    }

    fn fire(&mut self, at: Timestamp, place: u32, world: World<'_>) {
        let is_due = |episode: &Option<Episode>| episode.as_ref().is_some_and(|episode| episode.due == at);
        if !self.episodes.get(place as usize).is_some_and(is_due) {
            return;
        }
        let gap = world.rules.engine.episode_gap.micros();
        let has_ended = self.episodes[place as usize]
            .as_ref()
            .is_some_and(|episode| episode.last_at().plus(gap) <= at && !episode.is_waiting());
        if has_ended {
            self.close(place, world);
        } else {
            self.redecide(place, Timestamp::MIN, Timestamp::MAX, world);
        }
    }

    /// Decides the accesses again that a fact can change.
    fn touch(&mut self, touch: &Touch, world: World<'_>) {
        let others = match touch.target {
            Target::Patient(patient) => world.context.ever_same_as(patient),
            _ => Vec::new(),
        };
        let places = match touch.target {
            Target::Patient(patient) => {
                let numbers = std::iter::once(&patient).chain(&others);
                numbers.filter_map(|number| self.by_patient.get(number)).flatten().copied().collect()
            }
            Target::User(user) => self.by_user.get(&user).cloned().unwrap_or_default(),
            Target::Everyone => (0..self.episodes.len() as u32).collect(),
        };
        for place in places {
            let is_concerned = |member: &Member| touch.from <= member.row.at && member.row.at <= touch.until;
            let episode = self.episodes.get(place as usize).and_then(Option::as_ref);
            if episode.is_some_and(|episode| episode.members.iter().any(is_concerned)) {
                self.redecide(place, touch.from, touch.until, world);
            }
        }
        if touch.is_aside {
            return;
        }
        self.retired.beyond_horizon.note(touch, self.clock, world.rules.engine.settle_window.micros());
        let oldest = self.clock.minus(world.rules.engine.settle_window.micros());
        // Rows stand in the order of their arrival: only late ones break the order of time.
        let is_over = |row: &Access| row.at < touch.from && self.retired.late == 0;
        let walk = |numbers: &mut dyn Iterator<Item = u32>| -> Vec<u32> {
            let rows = numbers.map_while(|number| {
                self.horizon.find(number).filter(|(row, _)| !is_over(row)).map(|(row, _)| (number, row))
            });
            let concerned =
                |row: &Access| row.standing.is_explained() && touch.from.max(oldest) <= row.at && row.at <= touch.until;
            rows.filter(|(_, row)| concerned(row)).map(|(number, _)| number).collect()
        };
        let numbers = match touch.target {
            Target::Patient(patient) => {
                let numbers = std::iter::once(patient).chain(others);
                numbers.flat_map(|number| walk(&mut self.horizon.of_patient(number))).collect()
            }
            Target::User(user) => walk(&mut self.horizon.of_user(user)),
            // Feed status bears on unexplained accesses only.
            Target::Everyone => Vec::new(),
        };
        for number in numbers.into_iter().rev() {
            self.rejudge(number, world);
        }
    }

    /// Decides a row of the horizon that no episode holds, the short way where that suffices.
    pub(super) fn rejudge(&mut self, number: u32, world: World<'_>) {
        let Some((row, _)) = self.horizon.find(number) else { return };
        let basis = world.rules.explain_early(row, self.clock, world.context, &mut self.scratch);
        match (basis, self.horizon.find_mut(number)) {
            (Some(basis), Some(row)) => (row.standing, row.basis) = (Standing::Explained, basis),
            _ => self.judge(number, world),
        }
    }

    /// Decides the accesses of an episode in `[from, until]` again, then weighs it.
    pub(super) fn redecide(&mut self, place: u32, from: Timestamp, until: Timestamp, world: World<'_>) {
        let Some(Some(episode)) = self.episodes.get_mut(place as usize) else { return };
        for member in episode.members.iter_mut().filter(|member| from <= member.row.at && member.row.at <= until) {
            let moment = world.at(self.clock, Some(&self.horizon));
            member.decision = world.rules.decide(&member.row, moment, Some(&member.decision), &mut self.scratch);
        }
        if episode.case.is_none() {
            self.release(place, world);
        }
        self.assess(place, world);
    }

    /// Lets explained accesses of an episode go that nobody has heard of: back to the horizon while that lasts
    /// and a record explains them, else for good, once it is over.
    fn release(&mut self, place: u32, world: World<'_>) {
        let Some(Some(episode)) = self.episodes.get_mut(place as usize) else { return };
        let oldest = self.clock.minus(world.rules.engine.settle_window.micros());
        let horizon = &mut self.horizon;
        let mut gone = Episode::new(episode.user, episode.patient);
        for member in std::mem::take(&mut episode.members) {
            if member.decision.joins() || oldest <= member.row.at && member.decision.is_kept() {
                episode.members.push(member);
            } else if oldest > member.row.at {
                gone.members.push(member);
            } else if let Some(row) = horizon.find_mut(member.number) {
                row.stand_explained(&member.decision);
            }
        }
        self.let_go(&gone, world);
    }

    /// Reports and counts accesses that can change no more.
    fn let_go(&mut self, gone: &Episode, world: World<'_>) {
        self.out.report(gone, world);
        self.retired.add_episode(gone);
        if world.report.slots {
            slot_episode(&mut self.slots, gone);
        }
    }

    /// Weighs an episode and moves its incident on.
    fn assess(&mut self, place: u32, world: World<'_>) {
        let Some(Some(episode)) = self.episodes.get_mut(place as usize) else { return };
        let rest = episode.part(world);
        let weighed = episode.weigh(world.rules, world.context);
        if let Some(change) = episode.assess(&weighed, self.clock, world) {
            self.out.handoffs.push(change);
        }
        if let Some(part) = episode.tell(&weighed, self.clock, world) {
            self.told.push((place, part));
        }
        self.dirty.insert(place);
        self.schedule(place, world);
        if let Some(rest) = rest {
            let place = self.insert(rest);
            self.assess(place, world);
        }
    }

    /// Sets the time at which an episode must be looked at again.
    pub(super) fn schedule(&mut self, place: u32, world: World<'_>) {
        let Some(Some(episode)) = self.episodes.get_mut(place as usize) else { return };
        episode.due = episode.next_due(self.clock, world.rules);
        if episode.due != Timestamp::MAX {
            self.timers.push(Reverse((episode.due, place)));
        }
    }

    /// Lets go of what is older than the settle window.
    fn retire(&mut self, world: World<'_>) {
        let before = self.clock.minus(world.rules.engine.settle_window.micros());
        let (retired, out, scratch, clock) = (&mut self.retired, &mut self.out, &mut self.scratch, self.clock);
        let slots = &mut self.slots;
        self.horizon.retire(before, |rows| {
            rows.rows.iter().for_each(|row| retired.add_row(row));
            if world.report.slots {
                slot_rows(slots, rows.rows.iter());
            }
            if world.report.verdicts {
                for row in rows.rows.iter().filter(|row| row.standing.is_explained()) {
                    out.report_explained(row, rows.event_id(row), clock, world, scratch);
                }
            }
        });
    }

    /// Reports what is still held, at the end of the input.
    pub(super) fn finish(&mut self, world: World<'_>) {
        for episode in self.episodes.iter().flatten() {
            self.out.report(episode, world);
        }
        if world.report.slots {
            slot_rows(&mut self.slots, self.horizon.rows().map(|(row, _)| row));
            self.episodes.iter().flatten().for_each(|episode| slot_episode(&mut self.slots, episode));
        }
        if world.report.verdicts {
            for (row, event_id) in self.horizon.rows().filter(|(row, _)| row.standing.is_explained()) {
                self.out.report_explained(row, event_id, self.clock, world, &mut self.scratch);
            }
        }
    }

    /// All counts, with what is still held.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = self.retired.clone();
        self.horizon.rows().for_each(|(row, _)| tally.add_row(row));
        self.episodes.iter().flatten().for_each(|episode| tally.add_episode(episode));
        tally
    }
}

fn forget(index: &mut HashMap<u32, Vec<u32>, FxBuildHasher>, key: u32, place: u32) {
    if let Some(places) = index.get_mut(&key) {
        places.retain(|&held| held != place);
        if places.is_empty() {
            index.remove(&key);
        }
    }
}
