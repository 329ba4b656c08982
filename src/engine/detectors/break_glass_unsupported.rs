//! # break_glass_unsupported
//!
//! ## What it detects
//! An emergency override that nothing on record supports, neither before nor after.
//!
//! ## Why it matters
//! Breaking the glass is for emergencies, and emergencies leave traces: a visit, an order, a note. The warning
//! was read and passed.
//!
//! ## How it decides
//! The access is an override or was done under one, and nothing explains it, as known by now: care that is
//! written down within the settle window clears it. `poor_reason_weight` instead of `weight` where no reason
//! was given that speaks of care. It weighs nothing while the unit's feed is silent.
//!
//! ## Known false positives
//! Real emergencies of patients who were sent elsewhere at once.
//!
//! ## Blind spots
//! A reason that speaks of care and is not true. Reasons in other languages than English count as poor.
//! The text of a reason is looked at when the event comes and is not kept.
//!
//! ## Tuning
//! `weight`, `poor_reason_weight`: log-odds.
//!
//! ## Triage runbook
//! 1. Read the reason that was given.
//! 2. In the 24 hours after `occurred_first`, look for care of the patient by anybody.
//! 3. In the 90 days before, count how often `user_id` broke the glass, and what came of it.
//!
//! ## References
//! DICOM PS3.15, event 110127 (emergency override started); 45 CFR 164.312(a)(2)(ii), emergency access
//! procedure.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta = Meta {
    id: "break_glass_unsupported",
    group: Group::Absence,
    since: "0.1.0",
    source: include_str!("break_glass_unsupported.rs"),
};

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
    poor_reason_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: 0.3, poor_reason_weight: 2.0 }
    }
}

/// Words of which a reason has at least one, where it speaks of care.
const CARE_WORDS: [&str; 20] = [
    "emergen",
    "treat",
    "care",
    "consult",
    "cover",
    "admit",
    "admission",
    "transfer",
    "code",
    "trauma",
    "arrest",
    "unrespons",
    "surg",
    "operat",
    "transfus",
    "medicat",
    "on call",
    "handoff",
    "deliver",
    "stroke",
];

/// Whether a reason that was given for breaking the glass speaks of care.
pub(in crate::engine) fn fits_care(reason: &str) -> bool {
    let reason = reason.to_lowercase();
    CARE_WORDS.iter().any(|word| reason.contains(word))
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        let act = view.access.act;
        let fires = act.breaks_glass() && !view.is_explained && view.unknown.is_none() && !view.is_own_chart();
        let weight = if act.gives_reason() { self.weight } else { self.poor_reason_weight };
        fires.then_some(Finding { weight, numbers: [u32::from(act.gives_reason()), 0] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        let why = if evidence.numbers[0] > 0 { "" } else { ", and no reason was given that speaks of care" };
        format!("Emergency override that no care on record supports{why}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_speak_of_care_or_do_not() {
        assert!(fits_care("Emergency treatment, patient in the room") && fits_care("CODE BLUE"));
        assert!(!fits_care("need to check something") && !fits_care(""));
    }
}
