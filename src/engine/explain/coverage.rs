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

use std::collections::BTreeSet;

use super::{Claim, Explanation, entry};
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
        let units: Vec<u32> = view.units_of(view.access.patient, view.access.at).map(|(unit, _)| unit).collect();
        let trail = view.trail.filter(|_| view.is_employed && !units.is_empty())?;
        let (mut strangers, mut patients, mut charted) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for (other, _) in trail.accesses().filter(|(other, _)| other.counts()) {
            let patient = other.patient;
            if patient == view.access.patient || strangers.contains(&patient) {
                continue;
            }
            if !patients.contains(&patient) {
                let is_here = view.units_of(patient, other.at).any(|(unit, _)| units.contains(&unit));
                if is_here {
                    patients.insert(patient)
                } else {
                    strangers.insert(patient)
                };
            }
            if matches!(other.action(), Action::Create | Action::Update) && patients.contains(&patient) {
                charted.insert(patient);
            }
            if patients.len() >= self.min_patients && charted.len() >= self.min_charted {
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
