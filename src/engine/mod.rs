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
mod branch;
mod branches;
pub mod context;
mod copies;
pub mod detectors;
pub mod dictionary;
pub mod enrich;
mod episode;
pub mod evidence;
pub mod explain;
pub mod feeds;
mod finding;
pub mod grace;
mod group;
mod group_desk;
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

use crate::model::context::ContextUpdate;
use crate::model::incident::{Incident, IncidentChange};
use crate::model::time::Timestamp;

pub use access::{Access, Rows};
use branch::Branch;
pub use branches::{Branches, Brought, Mark};
use context::{Context, Draft};
use dictionary::{Dictionary, Interner};
pub use finding::{Finding, Witness};
use group::{Desk, Sight};
pub use group_desk::{Decided, GroupDesk, Membership};
use horizon::Horizon;
pub use intake::{Arrival, Intake};
use output::{Output, Slots, Tally, Unlisted};
use pulse::Silence;
use rules::Rules;
use settings::Policy;

/// The engine.
pub struct Engine {
    rules: Rules,
    context: Context,
    branch: Branch,
    /// Empty; their memory is used again.
    intakes: Vec<Intake>,
    desk: Desk,
    /// Incidents of groups changed since the last save.
    unsaved_bursts: BTreeSet<usize>,
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
            branch: Branch::new(shards),
            intakes: Vec::new(),
            desk: Desk::default(),
            unsaved_bursts: BTreeSet::new(),
        })
    }

    /// Reports the verdict of every access, when it can change no more.
    pub const fn report_verdicts(&mut self) {
        self.branch.report.verdicts = true;
    }

    /// Counts accesses by quarter of an hour.
    pub const fn report_slots(&mut self) {
        self.branch.report.slots = true;
    }

    /// Accesses by quarter of an hour; complete after [`Engine::finish`].
    #[must_use]
    pub fn slots(&self) -> Slots {
        let mut slots = Slots::new();
        for (slot, counts) in self.branch.shards.iter().flat_map(|shard| &shard.slots) {
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
        intake.clear();
        intake.refill(0, self.branch.tables());
        intake
    }

    /// How far event time has come.
    #[must_use]
    pub const fn clock(&self) -> Timestamp {
        self.branch.clock
    }

    /// The newest access that came.
    #[must_use]
    pub const fn newest(&self) -> Timestamp {
        self.branch.newest
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
        drafts: Vec<Draft>,
        parts: &mut [T],
        work: impl Fn(&mut T, &Dictionary) + Sync,
    ) {
        self.context.learn_beside(drafts, parts, work);
        for touch in self.context.take_touches() {
            self.branch.hear(touch);
        }
    }

    /// Takes accesses in; they wait for the watermark.
    pub fn push(&mut self, mut intake: Intake) {
        if let Some((_, newest)) = intake.bounds() {
            self.branch.newest = self.branch.newest.max(newest);
        }
        self.branch.push(intake.settle(&mut self.context.dictionary));
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
        let sight = Sight { rules: &self.rules, context: &self.context };
        self.branch.live(watermark, sight, parts, work);
        let handoffs = self.gather();
        let mut output = self.collect();
        output.handoffs = handoffs;
        output.sort();
        output
    }

    /// Brings what shards found together; gives what has to be handed over.
    fn gather(&mut self) -> Vec<IncidentChange> {
        let sight = Sight { rules: &self.rules, context: &self.context };
        let handoffs = self.desk.live(self.branch.tell(), self.branch.clock, sight);
        self.heed();
        handoffs
    }

    /// Lets the shards know which episodes count in incidents of groups, and let go of others that have ended.
    fn heed(&mut self) {
        self.branch.heed(std::mem::take(&mut self.desk.notices));
        self.branch.bury(self.branch.clock, Sight { rules: &self.rules, context: &self.context });
    }

    /// The end of the input: lives through the time up to `now` and reports what is still held.
    pub fn finish(&mut self, now: Timestamp) -> Output {
        self.branch.input_end = self.branch.newest;
        let mut output = self.advance(now.max(self.branch.clock));
        self.branch.finish(Sight { rules: &self.rules, context: &self.context });
        output.append(self.collect());
        output.sort();
        output
    }

    /// Every incident as it stands: highest score first, then by id.
    #[must_use]
    pub fn incidents(&self) -> Vec<Incident> {
        let episodes = self.branch.shards.iter().flat_map(|shard| shard.episodes.iter().flatten());
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
        self.branch.tally()
    }

    /// People who opened charts and charts that were opened, as far as the horizon has seen them, that the
    /// reference data do not name.
    #[must_use]
    pub fn unlisted(&self) -> Unlisted {
        let (context, now) = (&self.context, self.branch.clock);
        let horizons = || self.branch.shards.iter().map(|shard| &shard.horizon);
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
        let sight = Sight { rules: &self.rules, context: &self.context };
        let mut output = self.branch.collect(sight);
        output.incidents.iter_mut().for_each(|incident| self.desk.lay_over(incident));
        for number in std::mem::take(&mut self.desk.changed) {
            output.incidents.push(self.desk.bursts[number].incident(&self.rules, &self.context));
            if self.branch.journal.is_on {
                self.unsaved_bursts.insert(number);
            }
        }
        output.sort();
        output
    }
}
