//! # demographics_browsing
//!
//! ## What it detects
//! Face sheet after face sheet, and nothing else of the charts.
//!
//! ## Why it matters
//! Names, dates of birth and insurance numbers are what identity thieves sell; care needs more of a chart than
//! that.
//!
//! ## How it decides
//! Of the charts that one person opened on one local day and that nothing explains, at least `min_charts` and
//! at least `min_share` were opened at the face sheet only. It adds `weight` to an incident of kind
//! `user_burst`.
//!
//! ## Known false positives
//! Registration clean-up without recorded tasks.
//!
//! ## Blind spots
//! Sources that do not say which part of a chart was opened.
//!
//! ## Tuning
//! `min_charts`, `min_share`; `weight`: log-odds.
//!
//! ## Triage runbook
//! 1. See whether the charts have something in common: insurer, age, street, date of a visit.
//! 2. Ask whether `user_id` worked on a list of corrections.
//!
//! ## References
//! 45 CFR 164.502(b), minimum necessary.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::evidence::{Evidence, Finding, Gathering};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta = Meta {
    id: "demographics_browsing",
    group: Group::Crowd,
    since: "0.1.0",
    source: include_str!("demographics_browsing.rs"),
};

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    min_charts: u32,
    min_share: f64,
    weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { min_charts: 6, min_share: 0.8, weight: 1.0 }
    }
}

impl Detector for Settings {
    fn gather(&self, gathering: &Gathering) -> Option<Finding> {
        let Gathering::Day(day) = gathering else { return None };
        let is_most = f64::from(day.face_sheets) >= self.min_share * f64::from(day.charts);
        let numbers = [day.face_sheets, day.charts];
        (day.face_sheets >= self.min_charts && is_most).then_some(Finding { weight: self.weight, numbers })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        let [face_sheets, charts] = evidence.numbers;
        format!("Only the face sheet was opened in {face_sheets} of {charts} charts of that day")
    }
}
