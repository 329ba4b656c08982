//! Accesses that come again count once.

use super::access::Access;
use super::horizon::Identity;
use super::shard::{Shard, World};

impl Shard {
    /// Puts an access into the horizon and decides it, unless it is a copy of one that came before.
    pub(super) fn admit(&mut self, row: Access, identity: Identity, event_id: &str, world: World<'_>) {
        let window = world.rules.engine.settle_window.micros();
        let is_copy = self.horizon.has_copy(identity, &row, event_id, self.clock, window)
            || row.at < self.clock.minus(window) && self.is_held(&row, event_id);
        if is_copy {
            self.retired.duplicates += 1;
            return;
        }
        self.retired.pulse.note(row.at);
        let number = self.horizon.push(identity, row, event_id);
        if row.counts() {
            self.rejudge(number, world);
        }
    }

    /// Whether an episode holds this very access. Asked of what is too old for the horizon to know: a topic that is
    /// read again must not make incidents grow.
    fn is_held(&self, row: &Access, event_id: &str) -> bool {
        let places = self.by_patient.get(&row.patient).into_iter().flatten();
        let mut episodes = places.filter_map(|place| self.episodes.get(*place as usize)?.as_ref());
        episodes.any(|episode| {
            let mut members = episode.members.iter();
            episode.user == row.user && members.any(|old| old.row.at == row.at && *old.event_id == *event_id)
        })
    }
}
