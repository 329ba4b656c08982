//! # reporting_line
//!
//! ## What it detects
//! The patient is the manager of the person acting, reports to them, or stands further up or down
//! their chain.
//!
//! ## Why it matters
//! A look at the chart of one's manager, or of somebody whose sick leave one has to approve, harms
//! the patient at work as well.
//!
//! ## How it decides
//! Staff records in force at the access name managers. The chain is followed up to `levels` steps from
//! either of the two; each step beyond the first takes `per_level` off the weight.
//!
//! ## Known false positives
//! Managers in occupational health; small units where the manager also treats.
//!
//! ## Blind spots
//! Staff without a recorded manager, or whose MRN is not in the workforce feed.
//!
//! ## Tuning
//! `weight`: log-odds for a direct report. `per_level`: taken off for each further step. `levels`: how
//! far the chain is followed.
//!
//! ## Triage runbook
//! 1. On the day of `occurred_first`, ask human resources for the reporting line.
//! 2. In the 30 days around it, look for a leave, a warning or an appraisal between the two.
//! 3. Keep both out of the review: one of them may be its usual reviewer.
//!
//! ## References
//! 45 CFR 164.530(g), no retaliation; Boxwala et al., JAMIA 2011.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::dictionary::NONE;
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::people::Member;
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta = Meta {
    id: "reporting_line",
    group: Group::Acquaintance,
    since: "0.1.0",
    source: include_str!("reporting_line.rs"),
};

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
    per_level: f64,
    levels: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: 5.0, per_level: 1.5, levels: 3 }
    }
}

impl Settings {
    /// Steps from one user up to another.
    fn steps(&self, view: &View<'_>, from: u32, to: u32) -> Option<u32> {
        let mut user = from;
        (1..=self.levels).find(|_| {
            user = view.staff(user).map_or(NONE, |member| member.manager);
            user == to
        })
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        if view.is_own_chart() {
            return None;
        }
        let user = view.access.user;
        let near = |(other, _): (u32, Cow<'_, Member>)| {
            let (up, down) = (self.steps(view, user, other), self.steps(view, other, user));
            up.into_iter().chain(down).min()
        };
        let steps = view.patient_as_staff().filter_map(near).min()?;
        let weight = self.weight - self.per_level * f64::from(steps - 1);
        (weight > 0.0).then_some(Finding { weight, numbers: [steps, 0] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        let [steps, _] = evidence.numbers;
        let steps = if steps == 1 { "1 step".to_owned() } else { format!("{steps} steps") };
        format!("The patient stands in this person's reporting line, {steps} away")
    }
}
