//! # department_mismatch
//!
//! ## What it detects
//! A look at a patient of a unit in which the person has nothing else to do that day.
//!
//! ## Why it matters
//! Work brings a person to the charts of one unit, or to those of many. A single chart from elsewhere, among many
//! of the own unit, was picked and not assigned.
//!
//! ## How it decides
//! It takes the units that have the patient in care at the access, as relationships say, and the other charts that
//! the person opened within a shift (`engine.shift_span`) before and after. Where at least `min_charts` of those
//! belong to patients in care of a unit, and none to a unit of this patient, it fires. A patient who is in nobody's
//! care is the matter of `dormant_record`.
//!
//! As shipped it weighs next to nothing: it is there to be read, and to be tuned. In generated hospitals it fired on
//! harmless looks that nobody documented more often than on looks without a reason.
//!
//! ## Known false positives
//! A consult elsewhere that was never documented; a transfer that is being prepared.
//!
//! ## Blind spots
//! People whose work leads through many units; days with few charts; relationships that name people only, so that
//! a patient's unit is not known.
//!
//! ## Tuning
//! `min_charts`: other charts that show where the person works. `weight`: log-odds; raise it where consults
//! are documented well, and see with `chartsentry tune` what it is worth.
//!
//! ## Triage runbook
//! 1. Ask the unit of the patient whether anybody had called for `user_id`.
//! 2. See which list or search led to the chart.
//!
//! ## References
//! 45 CFR 164.502(b), minimum necessary; 45 CFR 164.514(d)(2), access by role.

use serde::{Deserialize, Serialize};

use super::{Detector, count, entry};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta = Meta {
    id: "department_mismatch",
    group: Group::Behaviour,
    since: "0.1.0",
    source: include_str!("department_mismatch.rs"),
};

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
    min_charts: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: 0.1, min_charts: 6 }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        let trail = view.trail.as_ref().filter(|_| !view.is_own_chart())?;
        let units: Vec<u32> = view.units_of(view.access.patient, view.access.at).collect();
        if units.is_empty() {
            return None;
        }
        let (mut seen, mut elsewhere) = (Vec::new(), 0);
        for other in trail.accesses().filter(|other| other.counts() && !view.is_patient(other.patient)) {
            if seen.contains(&other.patient) {
                continue;
            }
            seen.push(other.patient);
            let mut own = view.units_of(other.patient, other.at).peekable();
            elsewhere += u32::from(own.peek().is_some());
            if own.any(|unit| units.contains(&unit)) {
                return None;
            }
        }
        (elsewhere >= self.min_charts).then_some(Finding { weight: self.weight, numbers: [elsewhere, 0] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        format!(
            "Of another unit than the {} other charts that this person opened in that shift",
            count(evidence.numbers[0])
        )
    }
}
