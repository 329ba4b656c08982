//! How long before its start and after its end a relationship still explains, by kind.

use crate::model::context::RelationshipKind;
use crate::model::time::Timestamp;

use super::relations::{Cover, Tie};
use super::settings::Grace;

/// Lead and tail in microseconds, by kind.
#[derive(Clone, Debug)]
pub struct GraceTable([(i64, i64); RelationshipKind::ALL.len()]);

impl GraceTable {
    /// Takes the settings by kind name; kinds without one have the shipped value.
    #[must_use]
    pub fn new(settings: &std::collections::BTreeMap<String, Grace>) -> Self {
        Self(RelationshipKind::ALL.map(|kind| {
            let grace = settings.get(kind.name()).copied().unwrap_or(Grace::default_for(kind));
            (grace.lead.micros(), grace.tail.micros())
        }))
    }

    /// The earliest access that a relationship of this kind can explain.
    #[must_use]
    pub fn earliest(&self, kind: RelationshipKind, starts: Timestamp) -> Timestamp {
        starts.minus(self.0[kind as usize].0)
    }

    pub(super) fn cover(&self, tie: &Tie, at: Timestamp) -> Option<Cover> {
        if tie.starts <= at && at <= tie.ends {
            return Some(Cover::Inside);
        }
        let (lead, tail) = self.0[tie.kind as usize];
        (tie.starts.minus(lead) <= at && at <= tie.ends.plus(tail)).then_some(Cover::Grace)
    }
}
