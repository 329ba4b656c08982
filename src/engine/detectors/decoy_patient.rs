//! # decoy_patient
//!
//! ## What it detects
//! The chart belongs to nobody: the hospital made it to see who opens it.
//!
//! ## Why it matters
//! Whoever opens a decoy searched for it. There is no care that could explain it.
//!
//! ## How it decides
//! The mark is in force at the access. Every access to such a chart gets the full look, and the weight
//! alone makes an incident.
//!
//! ## Known false positives
//! Testers of the system, and whoever set the decoy up: give them a suppression with an end.
//!
//! ## Blind spots
//! People who open only real charts.
//!
//! ## Tuning
//! `weight`: log-odds that it adds.
//!
//! ## Triage runbook
//! 1. Ask who set the decoy up, and whether a test was due on the day of `occurred_first`.
//! 2. In the hour before, see by which name or list `user_id` came to it.
//! 3. In the 30 days around it, read what else `user_id` opened.
//!
//! ## References
//! No unit of a reported event: a decoy is no patient, but the look is evidence of a habit.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "decoy_patient", group: Group::Mark, since: "0.1.0", source: include_str!("decoy_patient.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: 10.0 }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        view.chart.as_deref()?.is_decoy.then_some(Finding { weight: self.weight, numbers: [0, 0] })
    }

    fn reason(&self, _: &Evidence) -> String {
        "The chart is a decoy that nobody has a reason to open".to_owned()
    }
}
