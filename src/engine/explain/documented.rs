//! # documented
//!
//! ## What it explains
//! Accesses by a person who worked in the chart: wrote a note, an order, a flowsheet.
//!
//! ## How it decides
//! Within `shift_span` around the access (`[engine]`) the person created or changed something in this
//! chart. It is weak, because a person without a reason could do that too: it does not hold beside a personal
//! tie or a mark of the chart, and beside a colleague or a neighbour only while somebody else's record shows
//! the patient in care.
//!
//! ## Tuning
//! `weak_weight`: log-odds, negative.

use super::{Claim, Explanation, entry};
use crate::engine::access::Access;
use crate::engine::enrich::View;
use crate::engine::evidence::Holds;
use crate::engine::registry::{Entry, Group, Meta};
use crate::model::access::Action;
use serde::{Deserialize, Serialize};

static META: Meta =
    Meta { id: "documented", group: Group::Behaviour, since: "0.1.0", source: include_str!("documented.rs") };

pub(super) const ENTRY: Entry<dyn Explanation> = entry::<Documented>(&META);

#[derive(Serialize, Deserialize)]
struct Documented {
    weak_weight: f64,
}

impl Default for Documented {
    fn default() -> Self {
        Self { weak_weight: -1.5 }
    }
}

impl Explanation for Documented {
    fn explain(&self, view: &View<'_>) -> Option<Claim> {
        let trail = view.trail.as_ref().filter(|_| view.is_employed)?;
        let is_work = |other: &Access| {
            other.patient == view.access.patient
                && other.counts()
                && matches!(other.action(), Action::Create | Action::Update)
        };
        let event_id = trail.earliest(is_work)?;
        let holds = if view.hits.supported { Holds::NoTieNoMark } else { Holds::Alone };
        Some(Claim::of_deeds(event_id, self.weak_weight, holds))
    }

    fn reason(&self, _: f64) -> String {
        "Explained: this person wrote in the chart on that shift".to_owned()
    }
}
