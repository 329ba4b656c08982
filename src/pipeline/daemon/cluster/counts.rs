//! What a worker tells the metrics.

use super::super::figures::engine_state;
use crate::engine::Branches;
use crate::model::time::SECOND;
use crate::pipeline::clock;
use crate::telemetry::{Journal, Verdicts};

/// How often counts are taken, in microseconds: they walk everything that is held.
const EVERY: i64 = 5 * SECOND;

/// Counts that were told, so that only what is new is added.
pub(super) struct Counts {
    taken_at: i64,
    /// Explained, unexplained, suspicious, copies, late.
    told: [u64; 5],
    strays: usize,
}

impl Counts {
    pub(super) const fn new(now: i64) -> Self {
        Self { taken_at: now, told: [0; 5], strays: 0 }
    }

    /// Tells the counts when it is time. Partitions that went away make them smaller; counters only grow.
    pub(super) fn tell(&mut self, branches: &Branches, journal: &Journal, now: i64) {
        if now - self.taken_at < EVERY {
            return;
        }
        self.taken_at = now;
        let tally = branches.tally();
        let counts = [tally.explained(), tally.unexplained, tally.suspicious, tally.duplicates, tally.late];
        let mut new = [0; 5];
        for ((new, count), before) in new.iter_mut().zip(counts).zip(&self.told) {
            *new = count.saturating_sub(*before);
        }
        self.told = counts;
        let [explained, unexplained, suspicious, duplicates, late] = new;
        let metrics = journal.metrics();
        metrics.verdicts(Verdicts { explained, unexplained, suspicious });
        metrics.duplicates(duplicates);
        journal.late(late, clock::now());
        metrics.engine_state(engine_state(branches.load()));
        metrics.newest_access(branches.newest(), clock::now());
        if branches.strays() > self.strays {
            self.strays = branches.strays();
            tracing::warn!(
                users = self.strays,
                "the audit topic is not keyed by user id: so many users stand in several partitions, and what each of \
                 them did is decided in parts; let its producer use the user id as the key"
            );
        }
    }
}
