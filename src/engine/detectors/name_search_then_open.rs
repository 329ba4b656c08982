//! # name_search_then_open
//!
//! ## What it detects
//! The person searched for a name and opened the chart right afterwards.
//!
//! ## Why it matters
//! Work comes from lists: the unit's census, the day's appointments, an inbox. Who types a name looks for a
//! person.
//!
//! ## How it decides
//! A search by name, with or without a hit, came at most `within` before the access, by the same person, and
//! no other chart was opened in between. Roles of `except_classes` search for names all day; for them it stays
//! silent. It weighs little and never makes an incident by itself.
//!
//! ## Known false positives
//! A call from a relative, a question in the corridor: the patient is then found by name.
//!
//! ## Blind spots
//! Searches by number, date of birth or bed; systems that do not log searches or what they looked for.
//!
//! ## Tuning
//! `within`: longest time from the search to the chart. `weight`: log-odds. `except_classes`: roles, see
//! `[roles]`.
//!
//! ## Triage runbook
//! 1. In the minute before `occurred_first`, see whether the search named the patient.
//! 2. In the hour before, see whether `user_id` tried other spellings of the name.
//!
//! ## References
//! IHE ITI TF-2, patient demographics query, whose audit record tells searches from look-ups.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::dictionary::NONE;
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::registry::{Entry, Group, Meta};
use crate::engine::roles;
use crate::model::span::Span;

static META: Meta = Meta {
    id: "name_search_then_open",
    group: Group::Behaviour,
    since: "0.1.0",
    source: include_str!("name_search_then_open.rs"),
};

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
    within: Span,
    #[serde(deserialize_with = "roles::known_classes")]
    except_classes: Vec<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: 1.2, within: Span::minutes(2), except_classes: vec!["registration".to_owned()] }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        if view.is_own_chart() || view.is_of_any_class(&self.except_classes) {
            return None;
        }
        let (access, earliest) = (view.access, view.access.at.minus(self.within.micros()));
        let trail = view.trail.as_ref()?;
        let mut before =
            trail.accesses().skip_while(|other| other.at > access.at).take_while(|other| other.at >= earliest);
        let is_about = |patient: u32| patient == NONE || patient == access.patient;
        let search = before.find(|other| other.act.is_name_search() || !is_about(other.patient))?;
        let was_searched = search.act.is_name_search() && is_about(search.patient);
        was_searched.then_some(Finding { weight: self.weight, numbers: [0, 0] })
    }

    fn reason(&self, _: &Evidence) -> String {
        "The chart was opened right after a search by name".to_owned()
    }
}
