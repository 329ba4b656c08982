//! # repeat_interest
//!
//! ## What it detects
//! The same chart again and again without a reason: part after part of it, or on several days.
//!
//! ## Why it matters
//! A mistake is closed at once. Who reads on or comes back wants to know: they follow somebody's illness,
//! custody case or divorce.
//!
//! ## How it decides
//! It looks at an incident's accesses together, those that nothing explains. Each access after the second weighs
//! `weight_for_access`, each local day after the first `weight_for_day`, up to `max_weight` in all. Where the
//! person also wrote in the chart it stays silent: care is written down, curiosity is not. It is part of the sum of
//! an incident and stands beside no single access.
//!
//! ## Known false positives
//! Care that is never documented and goes on for days.
//!
//! ## Blind spots
//! Looks that are further apart than `episode_gap` (`[engine]`); who writes something to hide a look.
//!
//! ## Tuning
//! `weight_for_access`, `weight_for_day`, `max_weight`: log-odds. Where the source writes many lines for one
//! opened chart, lower `weight_for_access`.
//!
//! ## Triage runbook
//! 1. Lay the days beside the patient's visits: does `user_id` come back after each of them?
//! 2. In the 90 days before, see whether the looks began with an event in the patient's life.
//!
//! ## References
//! Boxwala et al., JAMIA 2011; Office for Civil Rights, resolution agreements on repeated access.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::evidence::{Evidence, Finding, History};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "repeat_interest", group: Group::Plain, since: "0.1.0", source: include_str!("repeat_interest.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight_for_access: f64,
    weight_for_day: f64,
    max_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight_for_access: 0.5, weight_for_day: 1.0, max_weight: 2.5 }
    }
}

impl Detector for Settings {
    fn sum_up(&self, history: &History) -> Option<Finding> {
        let accesses = f64::from(history.accesses.saturating_sub(2)) * self.weight_for_access;
        let days = f64::from(history.days.saturating_sub(1)) * self.weight_for_day;
        let weight = (accesses + days).min(self.max_weight);
        (weight > 0.0 && !history.has_written).then_some(Finding { weight, numbers: [history.accesses, history.days] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        let [accesses, days] = evidence.numbers;
        let days = if days == 1 { "one day".to_owned() } else { format!("{days} days") };
        format!("Opened again and again without a reason: {accesses} accesses on {days}")
    }
}
