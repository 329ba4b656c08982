//! # self_access
//!
//! ## What it detects
//! A member of the workforce opens their own chart with their work log-in.
//!
//! ## Why it matters
//! Individuals may have their own information (45 CFR 164.502(a)(1)(i)), but most hospitals want
//! them to ask for it like any other patient. It is a matter of house rules and not by itself a
//! breach: the unit that it makes is of kind `policy`.
//!
//! ## How it decides
//! The workforce record in force at the access carries the same patient id as the chart.
//!
//! ## Known false positives
//! Staff who test a system on their own record with permission.
//!
//! ## Blind spots
//! Staff whose patient id is missing from the workforce record; own charts under an id that was
//! merged away.
//!
//! ## Tuning
//! `weight`: the shipped value alone passes the threshold as a low incident. Switch the detector off
//! where house rules allow the look.
//!
//! ## Triage runbook
//! 1. Within the same day, confirm that `user_id` and `patient_id` are one person (workforce record).
//! 2. In the 30 days around `occurred_first`, see whether `resources` shows edits or exports.
//! 3. Remind the person of the patient portal; record the disposition.
//!
//! ## References
//! 45 CFR 164.502(a)(1)(i); 45 CFR 164.524.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "self_access", group: Group::Tie, since: "0.1.0", source: include_str!("self_access.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: 9.5 }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        view.is_own_chart().then_some(Finding { weight: self.weight, numbers: [0, 0] })
    }

    fn reason(&self, _: &Evidence) -> String {
        "Own chart: the person opened their own record with the work log-in (a matter of house rules)".to_owned()
    }
}
