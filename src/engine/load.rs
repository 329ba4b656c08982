//! How much the engine holds, and whether the feeds of care relationships speak: figures for operators, which decide
//! nothing.

use std::collections::BTreeMap;

use crate::model::context::RelationshipKind;
use crate::model::time::Timestamp;

use super::Engine;
use super::branch::Branch;
use super::context::Context;

/// How much the engine holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Accesses that wait for the watermark.
    pub waiting: usize,
    /// Accesses of the settle window; a few older ones are held with them.
    pub horizon: usize,
    pub episodes: usize,
    /// Incidents of many charts or people, those that are over included.
    pub groups: usize,
    /// Accesses inside the settle window that nothing explains yet.
    pub unsettled: usize,
}

impl Load {
    pub(super) const fn add(&mut self, other: Self) {
        self.waiting += other.waiting;
        self.horizon += other.horizon;
        self.episodes += other.episodes;
        self.groups += other.groups;
        self.unsettled += other.unsettled;
    }
}

/// Which feeds of care relationships do not speak.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quiet {
    /// Units that are silent for longer than usual, by kind of record.
    pub units: BTreeMap<RelationshipKind, u64>,
    /// Outages that records report.
    pub outages: u64,
}

impl Engine {
    /// How much is held now. Walks all episodes.
    #[must_use]
    pub fn load(&self) -> Load {
        let settle_window = self.rules.engine.settle_window.micros();
        Load { groups: self.desk.bursts.len(), ..self.branch.load(settle_window) }
    }

    /// Which feeds of care relationships do not speak at `now`.
    #[must_use]
    pub fn quiet(&self, now: Timestamp) -> Quiet {
        self.context.quiet(now, self.rules.engine.feed_gap.micros())
    }
}

impl Branch {
    /// How much is held now; no groups.
    pub(super) fn load(&self, settle_window: i64) -> Load {
        let settled = self.clock.minus(settle_window);
        let mut load = Load::default();
        for shard in &self.shards {
            load.waiting += shard.pending.len() + shard.inbox.iter().map(|rows| rows.len()).sum::<usize>();
            load.horizon += shard.horizon.len();
            for episode in shard.episodes.iter().flatten() {
                load.episodes += 1;
                let waiting = episode.members.iter().filter(|member| member.row.at > settled);
                load.unsettled += waiting.filter(|member| member.decision.explained.is_none()).count();
            }
        }
        load
    }
}

impl Context {
    pub(super) fn quiet(&self, now: Timestamp, feed_gap: i64) -> Quiet {
        Quiet { units: self.feeds.silent_now(now, feed_gap), outages: self.feeds.outages_now(now) }
    }
}
