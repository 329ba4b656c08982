//! When to commit.

use crate::model::time::SECOND;

/// The longest time between a change and its commit, in microseconds.
const EVERY: i64 = SECOND;
/// The most events between two commits.
const EVENTS: u64 = 50_000;

/// Decides when a commit is due. Time is passed in as microseconds of a monotonic clock.
#[derive(Debug)]
pub(super) struct Cadence {
    committed_at: i64,
    events: u64,
    has_changed: bool,
    is_urgent: bool,
}

impl Cadence {
    /// Nothing has changed yet.
    pub(super) const fn new(now: i64) -> Self {
        Self { committed_at: now, events: 0, has_changed: false, is_urgent: false }
    }

    /// So many events were taken in; something has changed, even when it is none.
    pub(super) const fn changed(&mut self, events: u64) {
        self.events += events;
        self.has_changed = true;
    }

    /// Something came out that must not wait.
    pub(super) const fn urgent(&mut self) {
        self.has_changed = true;
        self.is_urgent = true;
    }

    /// Whether there is anything to commit.
    pub(super) const fn has_changed(&self) -> bool {
        self.has_changed
    }

    /// Events that were taken in since the last commit.
    pub(super) const fn events(&self) -> u64 {
        self.events
    }

    /// Whether a commit is due.
    pub(super) const fn is_due(&self, now: i64) -> bool {
        self.has_changed && (self.is_urgent || self.events >= EVENTS || now - self.committed_at >= EVERY)
    }

    /// A commit was written; how many events it held.
    pub(super) const fn committed(&mut self, now: i64) -> u64 {
        let events = self.events;
        *self = Self::new(now);
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_wait_a_second_or_fifty_thousand_events_and_results_do_not_wait() {
        let mut cadence = Cadence::new(0);
        assert!(!cadence.is_due(10 * SECOND), "nothing to commit");
        cadence.changed(1);
        assert!(!cadence.is_due(SECOND - 1) && cadence.is_due(SECOND));
        cadence.changed(EVENTS - 1);
        assert!(cadence.is_due(0));
        assert_eq!(cadence.committed(0), EVENTS);
        cadence.urgent();
        assert!(cadence.is_due(0));
        assert_eq!(cadence.committed(0), 0);
        assert!(!cadence.has_changed());
    }
}
