//! # curiosity_burst
//!
//! ## What it detects
//! Many people of different departments open one chart within a few days, without a reason.
//!
//! ## Why it matters
//! Somebody is in the news, or in everybody's talk. Nobody has marked the chart yet, and each look alone weighs
//! little.
//!
//! ## How it decides
//! It counts the people whose accesses to one chart within 72 hours nothing explains, and their home
//! departments: from `min_users` people and `min_departments` departments on, each department after the first
//! weighs `weight_for_department`, up to `max_weight`. Departments count, because an undocumented visit makes
//! many accesses of one department. What belongs together becomes one incident of kind `patient_burst`.
//!
//! ## Known false positives
//! A visit that is opened hours late: the looks are withdrawn when it is on record.
//!
//! ## Blind spots
//! A crowd inside the unit that treats the patient.
//!
//! ## Tuning
//! `min_users`, `min_departments`; `weight_for_department`, `max_weight`: log-odds.
//!
//! ## Triage runbook
//! 1. Ask the press office and the unit what happened on the day of `occurred_first`.
//! 2. Mark the chart as a well-known person's, so that the next look is seen at once.
//! 3. Look at each of the users separately: each is one unit.
//!
//! ## References
//! Health & Safety Code 1280.15, whose cause such crowds were.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::evidence::{Evidence, Finding, Gathering};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "curiosity_burst", group: Group::Crowd, since: "0.1.0", source: include_str!("curiosity_burst.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    min_users: u32,
    min_departments: u32,
    weight_for_department: f64,
    max_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { min_users: 4, min_departments: 4, weight_for_department: 1.6, max_weight: 6.0 }
    }
}

impl Detector for Settings {
    fn gather(&self, gathering: &Gathering) -> Option<Finding> {
        let Gathering::Chart(visitors) = gathering else { return None };
        let further = visitors.departments.saturating_sub(1);
        let weight = (f64::from(further) * self.weight_for_department).min(self.max_weight);
        let fires = visitors.users >= self.min_users && visitors.departments >= self.min_departments;
        fires.then_some(Finding { weight, numbers: [visitors.users, visitors.departments] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        let [users, departments] = evidence.numbers;
        format!("{users} people of {departments} departments opened this chart within three days without a reason")
    }
}
