//! # household
//!
//! ## What it detects
//! The person acting and the patient live at the same address.
//!
//! ## Why it matters
//! Members of a household look each other up without a reason of care; also those with different
//! family names, whom `same_surname` misses.
//!
//! ## How it decides
//! The normalised addresses in force at the access (postal code, house number, street, unit) agree,
//! and fewer than `institution_from` patients live there. A larger address counts only between people
//! of whom one is registered as the other's contact. The weight is the logarithm of how much more
//! often a look without a reason stays in the household (`household_share`) than chance would, at
//! most `max_weight`.
//!
//! ## Known false positives
//! Apartment houses whose unit numbers are missing; shared flats of colleagues.
//!
//! ## Blind spots
//! Family members who moved out; addresses that one system never updated.
//!
//! ## Tuning
//! `institution_from`: number of patients from which an address is an institution (a nursing home, a
//! shelter, a dormitory) and says nothing. `max_weight`: most that an address can add.
//!
//! ## Triage runbook
//! 1. On the day of `occurred_first`, compare the two addresses and the contacts of `patient_id`.
//! 2. In the 90 days around it, see whether `user_id` opened other charts at that address.
//! 3. Ask whether the patient had asked the person to look; a wish is not an authorisation.
//!
//! ## References
//! Good, weight of evidence, 1950.

use serde::{Deserialize, Serialize};

use super::{Detector, entry, lift, of_patients};
use crate::engine::dictionary::NONE;
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::population::Trait;
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta = Meta { id: "household", group: Group::Tie, since: "0.1.0", source: include_str!("household.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    household_share: f64,
    max_weight: f64,
    institution_from: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { household_share: 0.2, max_weight: 6.5, institution_from: 15 }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        let (actor, chart) = view.actor.as_deref().zip(view.chart.as_deref())?;
        let dwelling = chart.home.dwelling;
        if dwelling == NONE || actor.home.dwelling != dwelling || view.is_own_chart() {
            return None;
        }
        let [residents, everyone] = view.share_of(Trait::Dwelling(dwelling));
        if residents >= self.institution_from && !are_contacts(view, actor.person.patient) {
            return None;
        }
        let holders = [residents.min(self.institution_from), everyone];
        let weight = lift(self.household_share, holders).min(self.max_weight);
        (weight > 0.0).then_some(Finding { weight, numbers: [residents, everyone] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        format!("Same home address: shared by {}", of_patients(evidence.numbers))
    }
}

fn are_contacts(view: &View<'_>, actor_patient: u32) -> bool {
    actor_patient != NONE
        && (view.contacts().any(|contact| contact.patient == actor_patient)
            || view.context.contacts(actor_patient, view.now).any(|contact| view.is_patient(contact.patient)))
}
