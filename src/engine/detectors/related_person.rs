//! # related_person
//!
//! ## What it detects
//! The patient has named the person acting as a contact: next of kin, emergency contact, guarantor.
//!
//! ## Why it matters
//! Nobody is nearer. Parents of grown children, spouses and former spouses look each other up, and the
//! law protects the patient from them as from anybody.
//!
//! ## How it decides
//! A contact of the patient that is known by the time of the decision agrees with the person by MRN
//! (`id_weight`), else by phone number (`phone_weight`), else by given and family name
//! (`name_weight`, less where the family name is common among the patients here).
//!
//! ## Known false positives
//! A proxy who may see the chart, but used the work log-in: a matter of house rules.
//! Namesakes, where only the name agrees.
//!
//! ## Blind spots
//! Relatives whom the patient never named; contacts that the record lost.
//!
//! ## Tuning
//! `id_weight`, `phone_weight`, `name_weight`: log-odds of each agreement.
//!
//! ## Triage runbook
//! 1. On the day of `occurred_first`, compare the contacts of `patient_id` with the staff record.
//! 2. Look for a proxy authorisation that names the person.
//! 3. In the 90 days around it, see whether `user_id` opened other charts of the family.
//!
//! ## References
//! 45 CFR 164.510(b), involvement of persons in care; 45 CFR 164.502(g), personal representatives.

use serde::{Deserialize, Serialize};

use super::{Detector, entry, lift};
use crate::engine::dictionary::NONE;
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::people::Person;
use crate::engine::population::Trait;
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "related_person", group: Group::Tie, since: "0.1.0", source: include_str!("related_person.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    id_weight: f64,
    phone_weight: f64,
    name_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { id_weight: 7.0, phone_weight: 5.5, name_weight: 5.0 }
    }
}

/// What agrees; stands in the evidence for its reason.
const BY_ID: u32 = 0;
const BY_PHONE: u32 = 1;
const BY_NAME: u32 = 2;

impl Settings {
    fn agreement(&self, view: &View<'_>, me: &Person, contact: &Person) -> Option<(f64, u32)> {
        if contact.patient != NONE && me.patient != NONE {
            return (contact.patient == me.patient).then_some((self.id_weight, BY_ID));
        }
        if contact.phone != NONE && contact.phone == me.phone {
            return Some((self.phone_weight, BY_PHONE));
        }
        let is_namesake = contact.given_name != NONE && contact.given_name == me.given_name;
        let shared = contact.surnames.iter().filter(|key| is_namesake && me.surnames.contains(key));
        let chance = |&key: &u32| lift(1.0, view.share_of(Trait::Surname(key)));
        let rarity = shared.map(chance).max_by(f64::total_cmp)?;
        (rarity > 0.0).then_some((rarity.min(self.name_weight), BY_NAME))
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        let me = &view.actor.as_deref()?.person;
        if view.is_own_chart() {
            return None;
        }
        let contacts = view.contacts();
        let best = contacts.filter_map(|contact| self.agreement(view, me, contact));
        let (weight, how) = best.max_by(|one, other| one.0.total_cmp(&other.0))?;
        (weight > 0.0).then_some(Finding { weight, numbers: [how, 0] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        let how = match evidence.numbers[0] {
            BY_ID => "the record number agrees",
            BY_PHONE => "the phone number agrees",
            _ => "the whole name agrees",
        };
        format!("A registered contact of the patient: {how}")
    }
}
