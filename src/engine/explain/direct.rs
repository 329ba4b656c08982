//! # direct
//!
//! ## What it explains
//! Accesses by a person whom a relationship for care names: attending, care-team member, author or
//! addressee of an order, consultant, person with an appointment.
//!
//! ## How it decides
//! The relationship covers the access from `lead` before its start to `tail` after its end
//! (`[relationships.*]`), strongly inside its dates, more weakly in the lead and the tail. Tasks
//! (billing, release of information, quality review) count as `duty` only.
//!
//! A record that the looker alone wrote after the look counts only where somebody else's record shows
//! the patient in care at that moment, weakly, and not beside a personal tie: consultants document their own
//! consults every day, and a person without a reason could do the same.
//!
//! ## Tuning
//! `weight` inside the dates, `grace_weight` in the lead and the tail; log-odds, negative.

use super::{Claim, Explanation, Weights, entry};
use crate::engine::enrich::View;
use crate::engine::registry::{Entry, Group, Meta};
use serde::{Deserialize, Serialize};

static META: Meta = Meta { id: "direct", group: Group::Plain, since: "0.1.0", source: include_str!("direct.rs") };

pub(super) const ENTRY: Entry<dyn Explanation> = entry::<Direct>(&META);

#[derive(Serialize, Deserialize)]
struct Direct(Weights);

impl Default for Direct {
    fn default() -> Self {
        Self(Weights { weight: -8.0, grace_weight: -3.5 })
    }
}

impl Explanation for Direct {
    fn explain(&self, view: &View<'_>) -> Option<Claim> {
        view.hits.direct.map(|hit| self.0.of(hit))
    }

    fn reason(&self, weight: f64) -> String {
        self.0.sentence(weight, "a care relationship names this person")
    }
}
