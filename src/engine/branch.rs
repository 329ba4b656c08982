//! Shards that share one clock: all of an engine, or those of one partition.

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::model::time::Timestamp;

use super::access::Rows;
use super::context::Touch;
use super::dictionary::Dictionary;
use super::group::{Notice, Sight, Told};
use super::output::{Output, Tally};
use super::shard::{Report, Shard, World};
use super::snapshot::Journal;

/// Shards, their clock, and the facts that they have yet to act on.
pub(super) struct Branch {
    pub(super) shards: Vec<Shard>,
    /// Facts to come; in the order in which they become known while an advance goes on.
    timeline: Vec<Touch>,
    /// Facts that came after their time, for the next advance.
    pub(super) late: Vec<Touch>,
    pub(super) clock: Timestamp,
    pub(super) newest: Timestamp,
    pub(super) input_end: Timestamp,
    pub(super) report: Report,
    pub(super) journal: Journal,
    /// Episodes changed since the last save, by shard and place.
    pub(super) unsaved: BTreeSet<(usize, u32)>,
    pub(super) next_key: u64,
}

impl Branch {
    pub(super) fn new(shards: usize) -> Self {
        Self {
            shards: (0..shards.max(1)).map(|_| Shard::new()).collect(),
            timeline: Vec::new(),
            late: Vec::new(),
            clock: Timestamp::MIN,
            newest: Timestamp::MIN,
            input_end: Timestamp::MAX,
            report: Report::default(),
            journal: Journal::default(),
            unsaved: BTreeSet::new(),
            next_key: 1,
        }
    }

    pub(super) const fn world<'w>(&self, sight: Sight<'w>) -> World<'w> {
        World { rules: sight.rules, context: sight.context, input_end: self.input_end, report: self.report }
    }

    /// Empty tables whose memory is used again, one for each shard.
    pub(super) fn tables(&mut self) -> impl Iterator<Item = Rows> {
        self.shards.iter_mut().map(|shard| shard.spent.pop().unwrap_or_default())
    }

    /// Takes rows in, those of each shard; they wait for the watermark.
    pub(super) fn push(&mut self, tables: &mut [Rows]) {
        for (shard, rows) in self.shards.iter_mut().zip(tables) {
            self.journal.note(rows);
            shard.push(std::mem::take(rows));
        }
    }

    /// Takes note of what a new fact touches.
    pub(super) fn hear(&mut self, touch: Touch) {
        if touch.known_at <= self.clock {
            if touch.from <= self.clock && self.clock != Timestamp::MIN {
                self.late.push(touch);
            }
        } else if touch.known_at > touch.from && touch.known_at != Timestamp::MIN {
            self.timeline.push(touch);
        }
    }

    /// Lives through the time up to `watermark`; cores that are done with it do `work` on `parts`.
    pub(super) fn live<T: Send>(
        &mut self,
        watermark: Timestamp,
        sight: Sight<'_>,
        parts: &mut [T],
        work: impl Fn(&mut T, &Dictionary) + Sync,
    ) {
        if !self.timeline.is_sorted() {
            self.timeline.par_sort_unstable();
        }
        let due = self.timeline.partition_point(|touch| touch.known_at <= watermark);
        let mut late = std::mem::take(&mut self.late);
        late.sort_unstable();
        late.dedup();
        let world = self.world(sight);
        let (timeline, late, work) = (&self.timeline[..due], &late, &work);
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
    }

    /// What the shards found since the last call; episodes by shard and place.
    pub(super) fn tell(&mut self) -> Vec<Told> {
        let mut told: Vec<Told> = Vec::new();
        for (number, shard) in self.shards.iter_mut().enumerate() {
            told.extend(std::mem::take(&mut shard.out.handoffs).into_iter().map(|change| Told::Handoff(change.into())));
            let parts = std::mem::take(&mut shard.told).into_iter();
            told.extend(parts.map(|(place, part)| Told::Part((number, place.into()), part.into())));
        }
        told
    }

    /// Notes in which incidents of groups episodes count; they are named by shard and place.
    pub(super) fn heed(&mut self, notices: Vec<Notice>) {
        for ((shard, place), group) in notices {
            if let (Some(shard), Ok(place)) = (self.shards.get_mut(shard), u32::try_from(place)) {
                shard.heed(place, group);
            }
        }
    }

    /// Lets go of episodes that had ended by `until` and count in no group.
    pub(super) fn bury(&mut self, until: Timestamp, sight: Sight<'_>) {
        let world = self.world(sight);
        self.shards.iter_mut().for_each(|shard| shard.bury(until, world));
    }

    /// What the shards brought, and the pairs' incidents that changed, as if there were no groups.
    pub(super) fn collect(&mut self, sight: Sight<'_>) -> Output {
        let mut output = Output::default();
        for number in 0..self.shards.len() {
            output.append(std::mem::take(&mut self.shards[number].out));
            for place in std::mem::take(&mut self.shards[number].dirty) {
                if self.journal.is_on {
                    self.unsaved.insert((number, place));
                    self.key_of(number, place);
                }
                let episode = self.shards[number].episodes.get(place as usize).and_then(Option::as_ref);
                let Some(episode) = episode.filter(|episode| episode.case.is_some()) else { continue };
                let weighed = episode.weigh(sight.rules, sight.context);
                output.incidents.extend(episode.incident(sight.rules, sight.context, &weighed));
            }
        }
        output
    }

    /// Under which key an episode is saved: given out now, where it has none.
    pub(super) fn key_of(&mut self, shard: usize, place: u32) -> u64 {
        let Some(key) = self.shards.get_mut(shard).and_then(|shard| shard.keys.get_mut(place as usize)) else {
            return 0;
        };
        if *key == 0 {
            *key = self.next_key;
            self.next_key += 1;
        }
        *key
    }

    /// Reports what is still held, at the end of the input.
    pub(super) fn finish(&mut self, sight: Sight<'_>) {
        let world = self.world(sight);
        self.shards.par_iter_mut().for_each(|shard| shard.finish(world));
    }

    /// All counts.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        self.shards.iter().for_each(|shard| tally.add(&shard.tally()));
        tally
    }
}
