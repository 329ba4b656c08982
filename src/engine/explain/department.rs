//! # department
//!
//! ## What it explains
//! Accesses by people of a unit that has the patient in care.
//!
//! ## How it decides
//! A visit, stay, appointment or care team names a department where the person belongs (home department),
//! is rostered at that hour, or was logged in. It covers the access from `lead` before its start to `tail` after
//! its end (`[relationships.*]`), strongly inside its dates, more weakly in the lead and the tail.
//!
//! ## Tuning
//! `weight` inside the dates, `grace_weight` in the lead and the tail; log-odds, negative.

use super::{Claim, Explanation, Weights, entry};
use crate::engine::enrich::View;
use crate::engine::registry::{Entry, Group, Meta};
use serde::{Deserialize, Serialize};

static META: Meta =
    Meta { id: "department", group: Group::Plain, since: "0.1.0", source: include_str!("department.rs") };

pub(super) const ENTRY: Entry<dyn Explanation> = entry::<Department>(&META);

#[derive(Serialize, Deserialize)]
struct Department(Weights);

impl Default for Department {
    fn default() -> Self {
        Self(Weights { weight: -6.0, grace_weight: -2.5 })
    }
}

impl Explanation for Department {
    fn explain(&self, view: &View<'_>) -> Option<Claim> {
        view.hits.department.map(|hit| self.0.of(hit))
    }

    fn reason(&self, weight: f64) -> String {
        self.0.sentence(weight, "the patient was in the care of this person's department")
    }
}
