//! # neighbor
//!
//! ## What it detects
//! The person acting and the patient live in the same street, in another house.
//!
//! ## Why it matters
//! Neighbours are looked up out of curiosity: an ambulance before the house is enough.
//!
//! ## How it decides
//! The normalised addresses in force at the access agree in postal code and street, and the house
//! numbers are at most `farthest` apart. The weight is the logarithm of how much more often a look
//! without a reason goes to a neighbour (`neighbor_share`) than chance would, by the number of patients
//! in that street, and falls with the distance: looks go to houses about `usual_distance` numbers away, while
//! chance would spread them over the whole `street_length`.
//!
//! ## Known false positives
//! Long streets of a small town, where half of the patients live.
//!
//! ## Blind spots
//! Neighbours around a corner; addresses without a house number; another postal code across the street.
//!
//! ## Tuning
//! `neighbor_share`: share of looks without a reason that go to a neighbour. `farthest`: largest distance
//! of house numbers. `usual_distance`, `street_length`: in house numbers. `max_weight`, `min_weight`: bounds of the computed weight.
//!
//! ## Triage runbook
//! 1. On the day of `occurred_first`, compare the two addresses on a map.
//! 2. In the 90 days around it, see whether `user_id` opened other charts of that street.
//! 3. Ask whether the two know each other; an answer is a statement and no proof.
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

static META: Meta =
    Meta { id: "neighbor", group: Group::Acquaintance, since: "0.1.0", source: include_str!("neighbor.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    neighbor_share: f64,
    farthest: u32,
    usual_distance: f64,
    street_length: f64,
    max_weight: f64,
    min_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            neighbor_share: 0.05,
            farthest: 40,
            usual_distance: 12.0,
            street_length: 100.0,
            max_weight: 5.3,
            min_weight: 0.5,
        }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        let (mine, theirs) = (view.actor.as_deref()?.home, view.chart.as_deref()?.home);
        let distance = mine.house.abs_diff(theirs.house);
        if mine.street == NONE || mine.street != theirs.street || view.is_own_chart() {
            return None;
        }
        if distance == 0 || distance > self.farthest {
            return None;
        }
        let holders = view.share_of(Trait::Street(theirs.street));
        let nearer = (self.street_length / self.usual_distance).ln() - f64::from(distance) / self.usual_distance;
        let weight = (lift(self.neighbor_share, holders) + nearer).min(self.max_weight);
        (weight >= self.min_weight).then_some(Finding { weight, numbers: holders })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        format!("Same street, a few houses apart: {} live in that street", of_patients(evidence.numbers))
    }
}
