//! # coworker
//!
//! ## What it detects
//! The patient works in the home department of the person acting.
//!
//! ## Why it matters
//! Colleagues are treated where they work, and the team that sees them every day has the means to
//! look. It is among the most frequent findings of privacy offices.
//!
//! ## How it decides
//! A staff record carries the patient's MRN, is in force at the access, and names the same home
//! department. The weight is the logarithm of how much more often a look without a reason goes to a
//! colleague (`coworker_share`) than chance would, by the number of patients who work there.
//!
//! ## Known false positives
//! Occupational health and employee vaccination without a recorded encounter.
//!
//! ## Blind spots
//! Staff whose MRN is not in the workforce feed; colleagues of other departments.
//!
//! ## Tuning
//! `coworker_share`: share of looks without a reason that go to a colleague. `max_weight`: most that it
//! can add.
//!
//! ## Triage runbook
//! 1. On the day of `occurred_first`, ask the patient's manager whether the two work together.
//! 2. In the 30 days before, look for sick leave or an injury at work of the patient.
//! 3. In the 90 days around it, see which other colleagues `user_id` looked up.
//!
//! ## References
//! Boxwala et al., Using statistical and machine learning to help institutions detect suspicious access
//! to electronic health records, JAMIA 2011.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Detector, entry, lift, of_patients};
use crate::engine::dictionary::NONE;
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::people::Member;
use crate::engine::population::Trait;
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "coworker", group: Group::Acquaintance, since: "0.1.0", source: include_str!("coworker.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    coworker_share: f64,
    max_weight: f64,
    min_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { coworker_share: 0.15, max_weight: 5.5, min_weight: 0.5 }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        let mine = view.actor.as_deref()?.department;
        let works_here = |(_, colleague): (u32, Cow<'_, Member>)| colleague.department == mine;
        if mine == NONE || view.is_own_chart() || !view.patient_as_staff().any(works_here) {
            return None;
        }
        let holders = view.share_of(Trait::Department(mine));
        let weight = lift(self.coworker_share, holders).min(self.max_weight);
        (weight >= self.min_weight).then_some(Finding { weight, numbers: holders })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        format!("The patient works in this person's department: {} do", of_patients(evidence.numbers))
    }
}
