//! # restricted_record
//!
//! ## What it detects
//! The chart is marked as restricted: behavioural health, substance use, an employee's own restriction.
//!
//! ## Why it matters
//! The patient or the law has asked for more care with it; what leaks from it harms more.
//!
//! ## How it decides
//! The mark is in force at the access. Every access to such a chart gets the full look, also one that a
//! relationship explains. The weight is the logarithm of how much more often a look without a reason goes
//! to a restricted chart (`restricted_share`) than chance would, by the number of patients with the mark.
//!
//! ## Known false positives
//! Units that work on restricted charts all day, while their relationships are not recorded.
//!
//! ## Blind spots
//! Sensitive parts of a chart that carry no mark of their own.
//!
//! ## Tuning
//! `restricted_share`: share of looks without a reason that go to a restricted chart. `max_weight`: most
//! that it can add.
//!
//! ## Triage runbook
//! 1. Read why `patient_id` is restricted, and who may open it.
//! 2. In the 72 hours around `occurred_first`, look for an order or a consult by `user_id`.
//! 3. Where 42 CFR Part 2 applies, tell its officer as well.
//!
//! ## References
//! 42 CFR Part 2; 45 CFR 164.522(a), restrictions that a patient asked for.

use serde::{Deserialize, Serialize};

use super::{Detector, entry, lift, of_patients};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::population::Trait;
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "restricted_record", group: Group::Mark, since: "0.1.0", source: include_str!("restricted_record.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    restricted_share: f64,
    max_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { restricted_share: 0.02, max_weight: 3.0 }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        if view.is_own_chart() || !view.chart.as_deref()?.is_restricted {
            return None;
        }
        let holders = view.share_of(Trait::Restricted);
        let weight = lift(self.restricted_share, holders).min(self.max_weight);
        (weight > 0.0).then_some(Finding { weight, numbers: holders })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        format!("The chart is restricted: {} have that mark", of_patients(evidence.numbers))
    }
}
