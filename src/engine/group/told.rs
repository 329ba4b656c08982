//! What shards tell the desk.

use std::collections::BTreeSet;

use crate::engine::context::Context;
use crate::model::incident::IncidentChange;

use super::Desk;
use super::part::{Part, PartKey};

/// What shards found, in the order of time.
pub(in crate::engine) enum Told {
    Handoff(Box<IncidentChange>),
    Part(PartKey, Box<Part>),
}

/// Puts what was told in the order of time, then of user and patient.
pub(super) fn sort(told: &mut [Told], context: &Context) {
    let (users, patients) = (&context.dictionary.users, &context.dictionary.patients);
    let order = |told: &Told| match told {
        Told::Handoff(change) => (change.emitted_at, 0),
        Told::Part(_, part) => (part.at, 1),
    };
    told.sort_by(|one, other| {
        order(one).cmp(&order(other)).then_with(|| match (one, other) {
            (Told::Part(_, one), Told::Part(_, other)) => {
                let texts = |part: &Part| (users.text(part.user), patients.text(part.patient));
                texts(one).cmp(&texts(other))
            }
            (Told::Handoff(one), Told::Handoff(other)) => one.incident.incident_id.cmp(&other.incident.incident_id),
            _ => std::cmp::Ordering::Equal,
        })
    });
}

impl Desk {
    /// Parts of the same pair that hold an access of this one under another key: their shard has forgotten them, and
    /// the accesses came once more. What is `told` at the same instant says itself what it holds.
    pub(super) fn told_again(&self, part: &Part, told: &BTreeSet<PartKey>) -> Vec<PartKey> {
        let repeats = |key: &&PartKey| {
            let old = self.parts.get(*key).filter(|old| old.user == part.user && !told.contains(*key));
            old.is_some_and(|old| old.accesses.iter().any(|at| part.accesses.binary_search(at).is_ok()))
        };
        let keys = self.patients.get(&part.patient).into_iter().flat_map(|book| &book.parts);
        keys.filter(repeats).copied().collect()
    }
}
