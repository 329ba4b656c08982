//! Branches of one engine: the shards of some partitions of a log, over one context. Others live in other processes,
//! and each may move.
//!
//! Every branch has a clock of its own. Groups are looked at elsewhere ([`super::GroupDesk`]): a branch says what it
//! found, and hears in which group an episode counts.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use rayon::prelude::*;
use rustc_hash::FxBuildHasher;

use crate::model::context::ContextUpdate;
use crate::model::time::Timestamp;

use super::branch::Branch;
use super::context::{Context, Draft, Touch};
use super::finding::Finding;
use super::group::{PartKey, Sight, Told};
use super::intake::Intake;
use super::load::Load;
use super::output::{Output, Tally};
use super::rules::Rules;
use super::settings::Policy;
use super::snapshot::{Saved, StateError, StateRow, save_part};

/// Where a fact stood: the number of its source, and its offset there.
pub type Mark = (u32, i64);

/// What a fact touches, and where it stood.
struct Learned {
    touch: Touch,
    mark: Mark,
}

/// Fewer than this are not worth looking through for what every branch has acted on.
const FEW: usize = 100_000;

/// Branches that live here.
pub struct Branches {
    rules: Rules,
    context: Context,
    branches: BTreeMap<u32, Branch>,
    /// What branches that are not here may have yet to act on.
    learned: Vec<Learned>,
    /// Of so many, the last look through them kept what is needed.
    looked_through: usize,
    /// The branch in which each user was seen first, plus one.
    homes: Vec<u32>,
    /// Users who were seen in several branches.
    strays: BTreeSet<u32>,
    /// Empty; their memory is used again.
    intakes: Vec<Intake>,
}

/// What a branch brought since it was last asked.
#[derive(Default)]
pub struct Brought {
    /// For the desk of groups, in the order of time.
    pub findings: Vec<Finding>,
    /// Everything else that came out; no handoffs and no incidents.
    pub output: Output,
}

impl Branches {
    /// No branch yet.
    ///
    /// # Errors
    /// One sentence for each setting that does not fit.
    pub fn new(policy: &Policy) -> Result<Self, Vec<String>> {
        Ok(Self {
            rules: Rules::new(policy)?,
            context: Context::new(policy),
            branches: BTreeMap::new(),
            learned: Vec::new(),
            looked_through: FEW,
            homes: Vec::new(),
            strays: BTreeSet::new(),
            intakes: Vec::new(),
        })
    }

    /// What is known.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// Takes facts in. Branches whose clocks are past them act on them at their next advance.
    pub fn learn(&mut self, updates: impl IntoIterator<Item = (Mark, ContextUpdate)>) {
        let (mut draft, mut marks) = (Draft::default(), Vec::new());
        for (mark, update) in updates {
            draft.push(&self.context.dictionary, &update);
            marks.push(mark);
        }
        self.context.learn_beside(vec![draft], &mut [], |(): &mut (), _| ());
        for (fact, touch) in self.context.take_numbered_touches() {
            self.branches.values_mut().for_each(|branch| branch.hear(touch));
            self.learned.extend(marks.get(fact).map(|&mark| Learned { touch, mark }));
        }
    }

    /// Every branch, here and elsewhere, has come to `clock` and has acted on what stood before `marks`: what lies
    /// behind both need not be remembered.
    pub fn forget(&mut self, clock: Timestamp, marks: &BTreeMap<u32, i64>) {
        if self.learned.len() < 2 * self.looked_through {
            return;
        }
        let is_new = |(source, offset): Mark| marks.get(&source).is_none_or(|next| offset >= *next);
        self.learned.retain(|one| one.touch.known_at > clock || is_new(one.mark));
        self.looked_through = self.learned.len().max(FEW);
    }

    /// Opens a branch, from saved state where there is any: it had acted on the facts before `marks`. The context
    /// must have come as far already. `decide_again` when the policy has changed since.
    ///
    /// # Errors
    /// Damaged state.
    pub fn open(
        &mut self,
        number: u32,
        saved: Option<Saved>,
        marks: &BTreeMap<u32, i64>,
        decide_again: bool,
    ) -> Result<(), StateError> {
        let mut branch = Branch::new(1);
        branch.journal.is_on = true;
        saved.iter().for_each(|saved| branch.resume_clock(saved));
        let is_new = |(source, offset): Mark| marks.get(&source).is_none_or(|next| offset >= *next);
        for one in &self.learned {
            if one.touch.known_at > branch.clock || is_new(one.mark) {
                branch.hear(one.touch);
            }
        }
        if let Some(saved) = saved {
            branch.restore(&saved, &self.rules, &mut self.context)?;
            let sight = Sight { rules: &self.rules, context: &self.context };
            // What is decided again is told again.
            if !decide_again {
                branch.told_before(sight, |_, _| ());
            }
            branch.wake(decide_again, sight);
        }
        self.branches.insert(number, branch);
        Ok(())
    }

    /// Lets a branch go: it lives on elsewhere.
    pub fn close(&mut self, number: u32) {
        self.branches.remove(&number);
    }

    /// An empty intake for the branches that are here now; see [`Intake::select`].
    pub fn intake(&mut self) -> Intake {
        let mut intake = self.intakes.pop().unwrap_or_else(Intake::new);
        intake.clear();
        self.branches.iter_mut().for_each(|(number, branch)| intake.refill(*number, branch.tables()));
        intake
    }

    /// Takes accesses in; they wait for the watermarks of their branches.
    pub fn push(&mut self, mut intake: Intake) {
        let mut tables = intake.settle(&mut self.context.dictionary);
        self.homes.resize(self.context.dictionary.users.len(), 0);
        for (number, branch) in &mut self.branches {
            let (own, rest) = tables.split_at_mut(branch.shards.len().min(tables.len()));
            tables = rest;
            for row in own.iter().flat_map(|rows| &rows.rows) {
                branch.newest = branch.newest.max(row.at);
                let Some(home) = self.homes.get_mut(row.user as usize) else { continue };
                if *home == 0 {
                    *home = number + 1;
                } else if *home != number + 1 {
                    self.strays.insert(row.user);
                }
            }
            branch.push(own);
        }
        self.intakes.push(intake);
    }

    /// How many users were seen in more than one branch: what they did is decided in parts.
    #[must_use]
    pub fn strays(&self) -> usize {
        self.strays.len()
    }

    /// How far a branch has come; `MIN` where it is not here.
    #[must_use]
    pub fn clock(&self, number: u32) -> Timestamp {
        self.branches.get(&number).map_or(Timestamp::MIN, |branch| branch.clock)
    }

    /// The branches that have facts to act on that came after their time.
    pub fn behind_facts(&self) -> impl Iterator<Item = u32> {
        self.branches.iter().filter(|(_, branch)| !branch.late.is_empty()).map(|(number, _)| *number)
    }

    /// Lives through the time of each branch up to its watermark: no access of it at or before is expected any more.
    pub fn advance(&mut self, watermarks: &BTreeMap<u32, Timestamp>) {
        let sight = Sight { rules: &self.rules, context: &self.context };
        let due = self.branches.par_iter_mut().filter_map(|(number, branch)| Some((watermarks.get(number)?, branch)));
        due.for_each(|(until, branch)| branch.live(*until, sight, &mut [], |(): &mut (), _| ()));
    }

    /// Notes in which incidents of groups the episodes of a branch count, by their keys.
    pub fn heed(&mut self, number: u32, groups: impl IntoIterator<Item = (u64, Option<Box<str>>)>) {
        let Some(branch) = self.branches.get_mut(&number) else { return };
        let mut places: HashMap<u64, PartKey, FxBuildHasher> = HashMap::default();
        for (shard, held) in branch.shards.iter().enumerate() {
            places.extend(held.keys.iter().copied().zip(0..).map(|(key, place)| (key, (shard, place))));
        }
        let known = groups.into_iter().filter_map(|(key, group)| Some((*places.get(&key)?, group)));
        branch.heed(known.collect());
    }

    /// The desk of groups has come to `until`: episodes of a branch that had ended by then and count in no group are
    /// let go of.
    pub fn bury(&mut self, number: u32, until: Timestamp) {
        let sight = Sight { rules: &self.rules, context: &self.context };
        self.branches.get_mut(&number).into_iter().for_each(|branch| branch.bury(until, sight));
    }

    /// What a branch brought since it was last asked.
    pub fn brought(&mut self, number: u32) -> Brought {
        let sight = Sight { rules: &self.rules, context: &self.context };
        let Some(branch) = self.branches.get_mut(&number) else { return Brought::default() };
        let mut findings = Vec::new();
        for told in branch.tell() {
            findings.push(match told {
                Told::Handoff(change) => Finding::handoff(change, branch, sight.context),
                Told::Part((shard, place), part) => {
                    let key = branch.key_of(shard, u32::try_from(place).unwrap_or(u32::MAX));
                    Finding::part(save_part((number, key), &part, sight), branch, sight.context)
                }
            });
        }
        let mut output = branch.collect(sight);
        let clock = branch.clock;
        let incidents = std::mem::take(&mut output.incidents).into_iter();
        findings.extend(incidents.map(|incident| Finding::incident(clock, incident)));
        findings.sort_by_key(Finding::at);
        Brought { findings, output }
    }

    /// What changed in a branch since the last save. Call it after [`Branches::brought`] and commit both together
    /// with the position of its accesses.
    pub fn save(&mut self, number: u32) -> Vec<StateRow> {
        let sight = Sight { rules: &self.rules, context: &self.context };
        self.branches.get_mut(&number).map_or_else(Vec::new, |branch| branch.save(sight))
    }

    /// How much is held now; groups are counted elsewhere.
    #[must_use]
    pub fn load(&self) -> Load {
        let settle_window = self.rules.engine.settle_window.micros();
        let mut load = Load::default();
        self.branches.values().for_each(|branch| load.add(branch.load(settle_window)));
        load
    }

    /// The newest access that came to any branch.
    #[must_use]
    pub fn newest(&self) -> Timestamp {
        self.branches.values().map(|branch| branch.newest).max().unwrap_or(Timestamp::MIN)
    }

    /// All counts of the branches that are here.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.branches.values().for_each(|branch| tally.add(&branch.tally()));
        tally
    }
}
