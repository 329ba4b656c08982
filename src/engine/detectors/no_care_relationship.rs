//! # no_care_relationship
//!
//! ## What it detects
//! An access to a chart that nothing on record explains: no relationship names the person or one of
//! their departments, no task was given to them.
//!
//! ## Why it matters
//! Access without a direct need for diagnosis, treatment or another lawful use is unauthorized
//! (Health & Safety Code 1280.15; 22 CCR 79901(q)). Every other sign weighs more when this one is
//! there too.
//!
//! ## How it decides
//! It fires when no explanation holds, seen from the moment of the decision: late documentation
//! clears it for as long as the settle window lasts. It weighs nothing while the unit's feed of
//! relationships is silent or was never given, because missing is not absent. It stays silent on the
//! person's own chart, which `self_access` covers.
//!
//! A weak reason (a role, a shift's work) that fits the patient's care, but does not hold because of a shared
//! name, a mark of the chart or an acquaintance, leaves a doubt: the weight is `doubtful_weight` then. Beside a
//! personal tie it leaves none.
//!
//! ## Known false positives
//! Consults that are never documented, floats without a schedule, staff whose work is not tied to
//! treatment and who have no recorded task. On its own it never reaches the threshold.
//!
//! ## Blind spots
//! A curious look inside one's own unit: the department's relationship explains it.
//!
//! ## Tuning
//! `weight`: log-odds that it adds; `doubtful_weight`: beside a weak reason. With the shipped prior of -7 it
//! needs about 4.5 more from other detectors. Raise it only where documentation is complete.
//!
//! ## Triage runbook
//! 1. In the 72 hours after `occurred_last`, look for an order, a note or a consult by `user_id`.
//! 2. In the 24 hours around `occurred_first`, ask the charge nurse of `department` who covered.
//! 3. In the 30 days before, look at how often `user_id` opened this `patient_id`.
//!
//! ## References
//! 22 CCR 79901(q); 45 CFR 164.312(b); Fabbri & LeFevre, explanation-based auditing, 2011.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta = Meta {
    id: "no_care_relationship",
    group: Group::Absence,
    since: "0.1.0",
    source: include_str!("no_care_relationship.rs"),
};

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
    doubtful_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: 4.7, doubtful_weight: 3.0 }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        let fires = !view.is_explained && view.unknown.is_none() && !view.is_own_chart();
        let weight = if view.has_weak_reason { self.doubtful_weight } else { self.weight };
        fires.then_some(Finding { weight, numbers: [u32::from(view.has_weak_reason), 0] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        let reason = "No care relationship: no visit, order, care team, shift or task on record explains the access";
        let doubt =
            if evidence.numbers[0] > 0 { "; a role or a shift may, which is not enough for this chart" } else { "" };
        format!("{reason}{doubt}")
    }
}
