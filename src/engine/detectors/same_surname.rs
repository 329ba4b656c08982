//! # same_surname
//!
//! ## What it detects
//! The person acting and the patient share a family name, former names included.
//!
//! ## Why it matters
//! Relatives and former spouses are the charts that people look up most when they have no business
//! there.
//!
//! ## How it decides
//! Family names are compared without diacritics, case, punctuation, particles apart, and generation
//! suffixes; each part of a double name counts, and so does every former name known by the time of
//! the decision. The weight is the logarithm of how much more often a look without a reason meets a
//! namesake (`relative_share`) than chance would: the rarest shared name counts, by the number of
//! patients who carry it at the local midnight before the access.
//!
//! ## Known false positives
//! Namesakes who are no relatives: rare names in one village. Relatives under the employee's genuine
//! care are explained by the relationship, which outweighs the name.
//!
//! ## Blind spots
//! Relatives with another family name (see `household` and the contacts of the patient); names that
//! are transliterated in two ways.
//!
//! ## Tuning
//! `relative_share`: share of looks without a reason that go to a namesake. `max_weight`: most that a
//! unique name can add. Names with a computed weight under `min_weight` are left out.
//!
//! ## Triage runbook
//! 1. On the day of `occurred_first`, compare addresses and contacts of `user_id` and `patient_id`.
//! 2. In the 30 days around it, see whether `user_id` opened other charts of the same family.
//! 3. Ask the manager whether the department had the patient in care.
//!
//! ## References
//! Good, weight of evidence, 1950; US Census surname tables for how uneven names are.

use serde::{Deserialize, Serialize};

use super::{Detector, entry, lift, of_patients};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::population::Trait;
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "same_surname", group: Group::Namesake, since: "0.1.0", source: include_str!("same_surname.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    relative_share: f64,
    max_weight: f64,
    min_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { relative_share: 0.2, max_weight: 6.0, min_weight: 0.5 }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        if view.is_own_chart() {
            return None;
        }
        let shared = view.actor_surnames().filter(|&key| view.chart_has_surname(key));
        let holders = shared.map(|key| view.share_of(Trait::Surname(key))).min()?;
        let weight = lift(self.relative_share, holders).min(self.max_weight);
        (weight >= self.min_weight).then_some(Finding { weight, numbers: holders })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        format!("Same family name: shared by {}", of_patients(evidence.numbers))
    }
}
