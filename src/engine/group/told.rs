//! What shards tell the desk.

use crate::engine::context::Context;
use crate::model::incident::IncidentChange;

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
