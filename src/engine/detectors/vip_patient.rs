//! # vip_patient
//!
//! ## What it detects
//! The patient is marked as a well-known person.
//!
//! ## Why it matters
//! Celebrities, politicians and people in the news draw looks from everywhere in the house; the largest
//! penalties and most of the publicity come from them.
//!
//! ## How it decides
//! The mark is in force at the access. The weight is the logarithm of how much more often a look without
//! a reason goes to a well-known person (`vip_share`) than chance would, by the number of patients with
//! the mark.
//!
//! ## Known false positives
//! Support services of a stay (dietary, transport, pharmacy) whose work is not recorded per patient.
//!
//! ## Blind spots
//! People in today's news whom nobody has marked yet: `curiosity_burst` sees the crowd.
//!
//! ## Tuning
//! `vip_share`: share of looks without a reason that go to a marked chart. `max_weight`: most that it can
//! add.
//!
//! ## Triage runbook
//! 1. On the day of `occurred_first`, see who else opened the chart without a reason.
//! 2. Ask the unit whether `user_id` had a task there.
//! 3. Ask whether the mark was shown to the person before the chart opened.
//!
//! ## References
//! Health & Safety Code 1280.15, whose cause these looks were; 22 CCR 79901(p).

use serde::{Deserialize, Serialize};

use super::{Detector, entry, lift, of_patients};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::population::Trait;
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "vip_patient", group: Group::Mark, since: "0.1.0", source: include_str!("vip_patient.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    vip_share: f64,
    max_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { vip_share: 0.1, max_weight: 5.0 }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        if view.is_own_chart() || !view.chart.as_deref()?.is_vip {
            return None;
        }
        let holders = view.share_of(Trait::Vip);
        let weight = lift(self.vip_share, holders).min(self.max_weight);
        (weight > 0.0).then_some(Finding { weight, numbers: holders })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        format!("The patient is marked as a well-known person: {} have that mark", of_patients(evidence.numbers))
    }
}
