//! # bulk_export
//!
//! ## What it detects
//! Printing or exporting from many charts on one day, without a reason.
//!
//! ## Why it matters
//! What leaves the system cannot be taken back, and makes a look a disclosure.
//!
//! ## How it decides
//! It counts the charts of one person and one local day that nothing explains and from which something was
//! printed or exported. From `min_charts` on each weighs `weight_for_chart`, up to `max_weight`. It adds to an
//! incident of kind `user_burst`.
//!
//! ## Known false positives
//! Release of information without recorded tasks.
//!
//! ## Blind spots
//! Screenshots and photographs; exports that the source logs as views.
//!
//! ## Tuning
//! `min_charts`; `weight_for_chart`, `max_weight`: log-odds.
//!
//! ## Triage runbook
//! 1. Find the printer, the file or the device that took the output, before it is gone.
//! 2. Compare the charts with requests for records of that week.
//!
//! ## References
//! DICOM PS3.15, event 110106 (export); Health & Safety Code 1280.15(a), disclosure.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::evidence::{Evidence, Finding, Gathering};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "bulk_export", group: Group::Crowd, since: "0.1.0", source: include_str!("bulk_export.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    min_charts: u32,
    weight_for_chart: f64,
    max_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { min_charts: 3, weight_for_chart: 0.3, max_weight: 2.0 }
    }
}

impl Detector for Settings {
    fn gather(&self, gathering: &Gathering) -> Option<Finding> {
        let Gathering::Day(day) = gathering else { return None };
        let weight = (f64::from(day.taken_out) * self.weight_for_chart).min(self.max_weight);
        (day.taken_out >= self.min_charts).then_some(Finding { weight, numbers: [day.taken_out, day.charts] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        let [taken_out, charts] = evidence.numbers;
        format!("Printed or exported from {taken_out} of {charts} charts of that day")
    }
}
