//! The engine: accesses and context in, incidents out.
//!
//! Pure: no clock, no I/O, no randomness. Time enters as event time, watermarks and ticks, so that a
//! daemon and a replay of the same log say the same.
//!
//! ```text
//!  AccessEvent -> Intake (interned rows, by shard) -> Engine::push -> reorder buffer
//!                                                                         | watermark
//!  ContextUpdate -> Engine::learn -> Context, Touch --------------------> Shard: enrich -> decide -> episode
//!                                                                         |
//!                                     Output: handoffs, incidents, detections, verdicts
//! ```

mod access;
mod behind;
pub mod context;
mod copies;
pub mod detectors;
pub mod dictionary;
pub mod enrich;
mod episode;
pub mod evidence;
pub mod explain;
pub mod feeds;
pub mod grace;
mod group;
mod horizon;
mod intake;
mod lifecycle;
pub mod load;
pub mod matching;
pub mod output;
pub mod people;
pub mod population;
pub mod pulse;
pub mod registry;
pub mod relations;
pub mod roles;
pub mod roster;
pub mod rules;
pub mod settings;
mod shard;
mod sieve;
mod slots;
pub mod snapshot;
pub mod suppression;
pub mod trail;

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::model::context::ContextUpdate;
use crate::model::incident::{Incident, IncidentChange};
use crate::model::time::Timestamp;

pub use access::{Access, Rows};
use context::{Context, Draft, Touch};
use dictionary::{Dictionary, Interner};
use group::{Desk, Part, Sight, Told};
use horizon::Horizon;
pub use intake::{Arrival, Intake};
use output::{Output, Slots, Tally, Unlisted};
use pulse::Silence;
use rules::Rules;
use settings::Policy;
use shard::{Report, Shard, World};
use snapshot::Journal;

/// The engine.
pub struct Engine {
    rules: Rules,
    context: Context,
    shards: Vec<Shard>,
    /// Empty; their memory is used again.
    intakes: Vec<Intake>,
    desk: Desk,
    /// Facts to come; in the order in which they become known while an advance goes on.
    timeline: Vec<Touch>,
    /// Facts that came after their time, for the next advance.
    late: Vec<Touch>,
    clock: Timestamp,
    newest: Timestamp,
    input_end: Timestamp,
    report: Report,
    journal: Journal,
    /// Episodes changed since the last save, by shard and place.
    unsaved: BTreeSet<(usize, u32)>,
    /// Incidents of groups changed since the last save.
    unsaved_bursts: BTreeSet<usize>,
    next_key: u64,
}

impl Engine {
    /// An engine under a policy, with so many shards.
    ///
    /// # Errors
    /// One sentence for each setting that does not fit.
    pub fn new(policy: &Policy, shards: usize) -> Result<Self, Vec<String>> {
        Ok(Self {
            rules: Rules::new(policy)?,
            context: Context::new(policy),
            shards: (0..shards.max(1)).map(|_| Shard::new()).collect(),
            intakes: Vec::new(),
            desk: Desk::default(),
            timeline: Vec::new(),
            late: Vec::new(),
            clock: Timestamp::MIN,
            newest: Timestamp::MIN,
            input_end: Timestamp::MAX,
            report: Report::default(),
            journal: Journal::default(),
            unsaved: BTreeSet::new(),
            unsaved_bursts: BTreeSet::new(),
            next_key: 1,
        })
    }

    /// Reports the verdict of every access, when it can change no more.
    pub const fn report_verdicts(&mut self) {
        self.report.verdicts = true;
    }

    /// Counts accesses by quarter of an hour.
    pub const fn report_slots(&mut self) {
        self.report.slots = true;
    }

    /// Accesses by quarter of an hour; complete after [`Engine::finish`].
    #[must_use]
    pub fn slots(&self) -> Slots {
        let mut slots = Slots::new();
        for (slot, counts) in self.shards.iter().flat_map(|shard| &shard.slots) {
            slots.entry(*slot).or_default().iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        }
        slots
    }

    /// What is known.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// An empty intake for this engine's shards.
    pub fn intake(&mut self) -> Intake {
        let mut intake = self.intakes.pop().unwrap_or_else(Intake::new);
        intake.refill(self.shards.iter_mut().map(|shard| shard.spent.pop().unwrap_or_default()));
        intake
    }

    /// How far event time has come.
    #[must_use]
    pub const fn clock(&self) -> Timestamp {
        self.clock
    }

    /// The newest access that came.
    #[must_use]
    pub const fn newest(&self) -> Timestamp {
        self.newest
    }

    /// Takes context facts in, in any order. Those whose time is past are acted on at the next advance.
    pub fn learn(&mut self, updates: impl IntoIterator<Item = impl Borrow<ContextUpdate>>) {
        let mut draft = Draft::default();
        updates.into_iter().for_each(|update| draft.push(&self.context.dictionary, update.borrow()));
        self.learn_draft(draft);
    }

    /// Like [`Engine::learn`], for facts that are numbered already.
    pub fn learn_draft(&mut self, draft: Draft) {
        self.learn_beside(vec![draft], &mut [], |(): &mut (), _| ());
    }

    /// Like [`Engine::learn`], for facts that are numbered already; other cores do `work` on `parts`, such
    /// as decoding what comes next, which only reads the dictionary.
    pub fn learn_beside<T: Send>(
        &mut self,
        mut drafts: Vec<Draft>,
        parts: &mut [T],
        work: impl Fn(&mut T, &Dictionary) + Sync,
    ) {
        drafts.iter_mut().for_each(|draft| draft.adopt(&mut self.context.dictionary));
        let dictionary = std::mem::take(&mut self.context.dictionary);
        let (context, dictionary_read, work) = (&mut self.context, &dictionary, &work);
        rayon::scope_fifo(|scope| {
            scope.spawn_fifo(|_| drafts.into_iter().for_each(|draft| context.settle(draft)));
            for part in parts {
                scope.spawn_fifo(move |_| work(part, dictionary_read));
            }
        });
        self.context.dictionary = dictionary;
        self.context.classify_roles();
        for touch in self.context.take_touches() {
            if touch.known_at <= self.clock {
                if touch.from <= self.clock && self.clock != Timestamp::MIN {
                    self.late.push(touch);
                }
            } else if touch.known_at > touch.from && touch.known_at != Timestamp::MIN {
                self.timeline.push(touch);
            }
        }
    }

    /// Takes accesses in; they wait for the watermark.
    pub fn push(&mut self, mut intake: Intake) {
        if let Some((_, newest)) = intake.bounds() {
            self.newest = self.newest.max(newest);
        }
        let tables = intake.settle(&mut self.context.dictionary);
        for (shard, rows) in self.shards.iter_mut().zip(tables) {
            self.journal.note(rows);
            shard.push(std::mem::take(rows));
        }
        self.intakes.push(intake);
    }

    /// Lives through the time up to `watermark`: no access at or before it is expected any more.
    pub fn advance(&mut self, watermark: Timestamp) -> Output {
        self.advance_beside(watermark, &mut [], |(): &mut (), _| ())
    }

    /// Like [`Engine::advance`]; cores that are done with it do `work` on `parts`, such as decoding what
    /// comes next, which only reads the dictionary.
    pub fn advance_beside<T: Send>(
        &mut self,
        watermark: Timestamp,
        parts: &mut [T],
        work: impl Fn(&mut T, &Dictionary) + Sync,
    ) -> Output {
        if !self.timeline.is_sorted() {
            self.timeline.par_sort_unstable();
        }
        let due = self.timeline.partition_point(|touch| touch.known_at <= watermark);
        let mut late = std::mem::take(&mut self.late);
        late.sort_unstable();
        late.dedup();
        let (timeline, world) = (
            &self.timeline[..due],
            World { rules: &self.rules, context: &self.context, input_end: self.input_end, report: self.report },
        );
        let (late, work) = (&late, &work);
        rayon::scope_fifo(|scope| {
            for shard in &mut self.shards {
                scope.spawn_fifo(move |_| shard.advance(watermark, late, timeline, world));
            }
            for part in parts {
                scope.spawn_fifo(move |_| work(part, &world.context.dictionary));
            }
        });
        self.timeline.drain(..due);
        self.clock = self.clock.max(watermark);
        let handoffs = self.gather();
        let mut output = self.collect();
        output.handoffs = handoffs;
        output.sort();
        output
    }

    /// Brings what shards found together; gives what has to be handed over.
    fn gather(&mut self) -> Vec<IncidentChange> {
        let mut told: Vec<Told> = Vec::new();
        for (number, shard) in self.shards.iter_mut().enumerate() {
            told.extend(std::mem::take(&mut shard.out.handoffs).into_iter().map(|change| Told::Handoff(change.into())));
            let parts = std::mem::take(&mut shard.told).into_iter();
            told.extend(parts.map(|(place, part)| Told::Part((number, place), part.into())));
        }
        let (users, patients) = (&self.context.dictionary.users, &self.context.dictionary.patients);
        told.sort_by(|one, other| {
            let order = |told: &Told| match told {
                Told::Handoff(change) => (change.emitted_at, 0),
                Told::Part(_, part) => (part.at, 1),
            };
            order(one).cmp(&order(other)).then_with(|| match (one, other) {
                (Told::Part(_, one), Told::Part(_, other)) => {
                    let texts = |part: &Part| (users.text(part.user), patients.text(part.patient));
                    texts(one).cmp(&texts(other))
                }
                (Told::Handoff(one), Told::Handoff(other)) => one.incident.incident_id.cmp(&other.incident.incident_id),
                _ => std::cmp::Ordering::Equal,
            })
        });
        let sight = Sight { rules: &self.rules, context: &self.context };
        let handoffs = self.desk.live(told, self.clock, sight);
        self.heed();
        handoffs
    }

    /// Lets the shards know which episodes count in incidents of groups, and let go of others that have ended.
    fn heed(&mut self) {
        let world =
            World { rules: &self.rules, context: &self.context, input_end: self.input_end, report: self.report };
        for ((shard, place), group) in std::mem::take(&mut self.desk.notices) {
            if let Some(shard) = self.shards.get_mut(shard) {
                shard.heed(place, group);
            }
        }
        self.shards.iter_mut().for_each(|shard| shard.bury(world));
    }

    /// The end of the input: lives through the time up to `now` and reports what is still held.
    pub fn finish(&mut self, now: Timestamp) -> Output {
        self.input_end = self.newest;
        let mut output = self.advance(now.max(self.clock));
        let world =
            World { rules: &self.rules, context: &self.context, input_end: self.input_end, report: self.report };
        self.shards.par_iter_mut().for_each(|shard| shard.finish(world));
        output.append(self.collect());
        output.sort();
        output
    }

    /// Every incident as it stands: highest score first, then by id.
    #[must_use]
    pub fn incidents(&self) -> Vec<Incident> {
        let episodes = self.shards.iter().flat_map(|shard| shard.episodes.iter().flatten());
        let episodes = episodes.filter(|episode| episode.case.is_some());
        let mut incidents: Vec<Incident> = episodes
            .filter_map(|episode| {
                let weighed = episode.weigh(&self.rules, &self.context);
                let mut incident = episode.incident(&self.rules, &self.context, &weighed)?;
                self.desk.lay_over(&mut incident);
                Some(incident)
            })
            .collect();
        incidents.extend(self.desk.bursts.iter().map(|burst| burst.incident(&self.rules, &self.context)));
        incidents.sort_by(|one, other| {
            other.score.total_cmp(&one.score).then_with(|| one.incident_id.cmp(&other.incident_id))
        });
        incidents
    }

    /// All counts.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.shards.iter().for_each(|shard| tally.add(&shard.tally()));
        tally
    }

    /// People who opened charts and charts that were opened, as far as the horizon has seen them, that the
    /// reference data do not name.
    #[must_use]
    pub fn unlisted(&self) -> Unlisted {
        let (context, now) = (&self.context, self.clock);
        let horizons = || self.shards.iter().map(|shard| &shard.horizon);
        let texts = |ids: BTreeSet<u32>, interner: &Interner| -> BTreeSet<String> {
            ids.into_iter().map(|id| interner.text(id).to_owned()).collect()
        };
        let users = horizons().flat_map(Horizon::users).filter(|&user| !context.lists_user(user, now)).collect();
        let patients =
            horizons().flat_map(Horizon::patients).filter(|&patient| !context.lists_patient(patient, now)).collect();
        Unlisted {
            users: texts(users, &context.dictionary.users),
            patients: texts(patients, &context.dictionary.patients),
        }
    }

    /// When the audit feed was silent for longer than it ever is; with `until`, also the silence that still
    /// lasts then.
    #[must_use]
    pub fn silences(&self, tally: &Tally, until: Option<Timestamp>) -> Vec<Silence> {
        tally.pulse.silences(self.rules.engine.feed_gap.micros(), until)
    }

    /// Explained accesses by the id of their strongest basis.
    #[must_use]
    pub fn explained_by(&self, tally: &Tally) -> BTreeMap<String, u64> {
        let name = |basis: u8| self.rules.explanations.get(usize::from(basis)).map_or("", |rule| rule.meta.id);
        (0..)
            .zip(&tally.explained)
            .filter(|(_, count)| **count > 0)
            .map(|(basis, &count)| (name(basis).to_owned(), count))
            .collect()
    }

    /// What the shards brought, and the incidents that changed.
    fn collect(&mut self) -> Output {
        let mut output = Output::default();
        for (number, shard) in self.shards.iter_mut().enumerate() {
            output.append(std::mem::take(&mut shard.out));
            for place in std::mem::take(&mut shard.dirty) {
                if self.journal.is_on {
                    self.unsaved.insert((number, place));
                    if shard.keys[place as usize] == 0 {
                        shard.keys[place as usize] = self.next_key;
                        self.next_key += 1;
                    }
                }
                let episode = shard.episodes.get(place as usize).and_then(Option::as_ref);
                let Some(episode) = episode.filter(|episode| episode.case.is_some()) else { continue };
                let weighed = episode.weigh(&self.rules, &self.context);
                if let Some(mut incident) = episode.incident(&self.rules, &self.context, &weighed) {
                    self.desk.lay_over(&mut incident);
                    output.incidents.push(incident);
                }
            }
        }
        for number in std::mem::take(&mut self.desk.changed) {
            output.incidents.push(self.desk.bursts[number].incident(&self.rules, &self.context));
            if self.journal.is_on {
                self.unsaved_bursts.insert(number);
            }
        }
        output.sort();
        output
    }
}
