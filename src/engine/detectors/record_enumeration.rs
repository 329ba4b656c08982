//! # record_enumeration
//!
//! ## What it detects
//! Charts opened by their numbers, one after the other.
//!
//! ## Why it matters
//! Patients do not come in the order of their record numbers. Who opens them so goes through the index.
//!
//! ## How it decides
//! Of the charts that one person opened on one local day and that nothing explains, at least `min_charts` and
//! at least `min_share` have a record number that is at most five above that of another one. It adds `weight`
//! to an incident of kind `user_burst`.
//!
//! ## Known false positives
//! Newborns and people registered together after an accident.
//!
//! ## Blind spots
//! Record numbers with a check digit in the middle; larger steps.
//!
//! ## Tuning
//! `min_charts`, `min_share`; `weight`: log-odds.
//!
//! ## Triage runbook
//! 1. Put the record numbers in order and look at the gaps.
//! 2. See whether a script or an interface account may have used the log-in.
//!
//! ## References
//! OWASP, insecure direct object references; 45 CFR 164.308(a)(1)(ii)(D).

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::evidence::{Evidence, Finding, Gathering};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta = Meta {
    id: "record_enumeration",
    group: Group::Crowd,
    since: "0.1.0",
    source: include_str!("record_enumeration.rs"),
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
        Self { min_charts: 5, min_share: 0.5, weight: 2.0 }
    }
}

impl Detector for Settings {
    fn gather(&self, gathering: &Gathering) -> Option<Finding> {
        let Gathering::Day(day) = gathering else { return None };
        let is_most = f64::from(day.in_sequence) >= self.min_share * f64::from(day.charts);
        let numbers = [day.in_sequence, day.charts];
        (day.in_sequence >= self.min_charts && is_most).then_some(Finding { weight: self.weight, numbers })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        let [in_sequence, charts] = evidence.numbers;
        format!("Record numbers that follow each other: {in_sequence} of {charts} charts of that day")
    }
}
