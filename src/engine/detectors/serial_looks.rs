//! # serial_looks
//!
//! ## What it detects
//! One person's small looks over months: a neighbour here, a colleague there, none of them an incident alone.
//!
//! ## Why it matters
//! Who looks for company does it again. A privacy office that sees each look alone never sees the person.
//!
//! ## How it decides
//! It adds up what links the person to the patients, for the looks of the last 90 days that nothing explains,
//! about which no weak reason leaves a doubt, and that make no incident; a look counts half after 30 days. From `min_looks` such looks on, the sum
//! without the largest one is the weight, up to `max_weight`; the largest stands for itself. What belongs
//! together becomes one incident of kind `serial`.
//!
//! ## Known false positives
//! Roles that meet everybody in town, without recorded tasks.
//!
//! ## Blind spots
//! Looks without any link; those of a person whose role explains them weakly: people of back offices meet neighbours
//! by chance all year.
//!
//! ## Tuning
//! `min_looks`; `max_weight`: log-odds.
//!
//! ## Triage runbook
//! 1. Read the looks in the order of time; see which of them the person can explain.
//! 2. See whether they follow events in the patients' lives.
//!
//! ## References
//! Good, weight of evidence, 1950; Boxwala et al., JAMIA 2011.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::evidence::{Evidence, Finding, Gathering};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "serial_looks", group: Group::Crowd, since: "0.1.0", source: include_str!("serial_looks.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    min_looks: u32,
    max_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { min_looks: 3, max_weight: 5.0 }
    }
}

impl Detector for Settings {
    fn gather(&self, gathering: &Gathering) -> Option<Finding> {
        let Gathering::Series(series) = gathering else { return None };
        let fires = series.looks >= self.min_looks && series.weight > 0.0;
        fires.then_some(Finding { weight: series.weight.min(self.max_weight), numbers: [series.looks, 0] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        format!("{} looks in 90 days at people close to this person, none of them explained", evidence.numbers[0])
    }
}
