//! # service
//!
//! ## What it explains
//! Accesses by departments that serve patients of other units: a consulted specialty, pharmacy, laboratory,
//! imaging.
//!
//! ## How it decides
//! An order, a consult or a referral names a department where the person belongs, is rostered at that hour,
//! or was logged in. It covers the access from `lead` before its start to `tail` after its end
//! (`[relationships.*]`), strongly inside its dates, more weakly in the lead and the tail.
//!
//! Without one, a role of one of `classes` (see `[roles]`) explains weakly while somebody else's record
//! shows the patient in care at that moment: a pharmacy checks the drugs of every bed. It does not hold
//! beside a personal tie or a mark of the chart.
//!
//! ## Tuning
//! `weight` inside the dates, `grace_weight` in the lead and the tail, `weak_weight` for the role alone;
//! log-odds, negative. `classes`: roles that serve every unit.

use super::{Claim, Explanation, Weights, entry, of_any_class};
use crate::engine::enrich::View;
use crate::engine::registry::{Entry, Group, Meta};
use serde::{Deserialize, Serialize};

static META: Meta = Meta { id: "service", group: Group::Plain, since: "0.1.0", source: include_str!("service.rs") };

pub(super) const ENTRY: Entry<dyn Explanation> = entry::<Service>(&META);

#[derive(Serialize, Deserialize)]
struct Service {
    #[serde(flatten)]
    request: Weights,
    weak_weight: f64,
    #[serde(deserialize_with = "crate::engine::roles::known_classes")]
    classes: Vec<String>,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            request: Weights { weight: -6.0, grace_weight: -2.5 },
            weak_weight: -2.0,
            classes: ["pharmacy", "laboratory", "imaging"].map(str::to_owned).to_vec(),
        }
    }
}

impl Explanation for Service {
    fn explain(&self, view: &View<'_>) -> Option<Claim> {
        if let Some(request) = view.hits.service {
            return Some(self.request.of(request));
        }
        let actor = of_any_class(view, &self.classes).filter(|_| view.hits.supported)?;
        Some(Claim::of_role(actor, self.weak_weight, true, None))
    }

    fn reason(&self, weight: f64) -> String {
        if weight == self.weak_weight {
            return "Explained: the patient was in care, and this person's role serves every unit".to_owned();
        }
        self.request.sentence(weight, "an order, consult or referral asked this person's department")
    }
}
