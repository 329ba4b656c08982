//! # coverage
//!
//! ## What it explains
//! Accesses by somebody who works in a unit that no schedule names: a float, a swap, a shift that nobody
//! entered.
//!
//! ## How it decides
//! Within `shift_span` around the access (`[engine]`) the person opened charts of at least `min_patients`
//! other patients whom a unit had in care that also had this patient, and wrote in the charts of at least
//! `min_charted` of them: who covers a unit works there, who looks around in it only reads.
//!
//! It is weak. It holds beside a mark of the chart or a colleague, since covering means treating whoever lies
//! there, but not beside a personal tie or a shared name.
//!
//! ## Blind spots
//! Somebody who covers a unit and looks at a patient there out of curiosity: as inside one's own unit.
//! Records about the other patients that come after the access has settled are not taken into account.
//!
//! ## Tuning
//! `min_patients`, `min_charted`; `weak_weight`: log-odds, negative.

use super::{Claim, Explanation, entry};
use crate::engine::access::Access;
use crate::engine::enrich::View;
use crate::engine::evidence::Holds;
use crate::engine::registry::{Entry, Group, Meta};
use crate::model::access::Action;
use serde::{Deserialize, Serialize};

static META: Meta =
    Meta { id: "coverage", group: Group::Behaviour, since: "0.1.0", source: include_str!("coverage.rs") };

pub(super) const ENTRY: Entry<dyn Explanation> = entry::<Coverage>(&META);

#[derive(Serialize, Deserialize)]
struct Coverage {
    weak_weight: f64,
    min_patients: usize,
    min_charted: usize,
}

impl Default for Coverage {
    fn default() -> Self {
        Self { weak_weight: -2.0, min_patients: 4, min_charted: 2 }
    }
}

impl Explanation for Coverage {
    fn explain(&self, view: &View<'_>) -> Option<Claim> {
        let units: Vec<u32> = view.units_of(view.access.patient, view.access.at).collect();
        let trail = view.trail.as_ref().filter(|_| view.is_employed && !units.is_empty())?;
        let others = || trail.accesses().filter(|other| other.counts() && other.patient != view.access.patient);
        let written = others().filter(|other| matches!(other.action(), Action::Create | Action::Update));
        let mut charted: Vec<u32> = written.map(|other| other.patient).collect();
        charted.sort_unstable();
        charted.dedup();
        if charted.len() < self.min_charted {
            return None;
        }
        let is_here = |other: &Access| view.units_of(other.patient, other.at).any(|unit| units.contains(&unit));
        let (mut seen, mut patients) = (Vec::new(), Vec::new());
        for other in others() {
            if !seen.contains(&other.patient) {
                seen.push(other.patient);
                patients.extend(Some(other.patient).filter(|_| is_here(other)));
            }
            let wrote = || patients.iter().filter(|patient| charted.binary_search(patient).is_ok()).count();
            if patients.len() >= self.min_patients && wrote() >= self.min_charted {
                let texts = &view.context.dictionary.patients;
                let mut proof: Vec<&str> = patients.iter().map(|&patient| texts.text(patient)).collect();
                proof.sort_unstable();
                return Some(Claim::of_deeds(&proof.join(" "), self.weak_weight, Holds::NoTieNoName));
            }
        }
        None
    }

    fn reason(&self, _: f64) -> String {
        "Explained: this person worked that shift on other patients of the same unit".to_owned()
    }
}
