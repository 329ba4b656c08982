//! # deceased_patient
//!
//! ## What it detects
//! The patient had been dead for some time when the chart was opened.
//!
//! ## Why it matters
//! Care is over; what remains is coding, the registry and the court. The family's grief draws the
//! curious.
//!
//! ## How it decides
//! The date of death, as the newest record known by the time of the decision gives it, lies more than
//! `grace` before the access: a death that is entered late is about the past.
//!
//! ## Known false positives
//! Tumour registry, quality review and release of information without a recorded task.
//!
//! ## Blind spots
//! Deaths outside of the house that nobody entered.
//!
//! ## Tuning
//! `grace`: how long after a death work on the chart is usual. `weight`: log-odds that it adds.
//!
//! ## Triage runbook
//! 1. In the 30 days around `occurred_first`, look for a request of records or a review.
//! 2. Ask whether `user_id` belongs to the registry or the coding team.
//! 3. Look for a family tie between the two.
//!
//! ## References
//! 45 CFR 164.502(f): protection lasts for 50 years after death.

use serde::{Deserialize, Serialize};

use super::{Detector, count, entry};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::registry::{Entry, Group, Meta};
use crate::model::span::Span;
use crate::model::time::DAY;

static META: Meta =
    Meta { id: "deceased_patient", group: Group::Mark, since: "0.1.0", source: include_str!("deceased_patient.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
    grace: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: 2.0, grace: Span::days(30) }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        let died = view.zone.start_of(view.context.chart(view.access.patient)?.newest(view.now)?.deceased_on?);
        let days = (view.access.at - died) / DAY;
        let is_late = view.access.at > died.plus(self.grace.micros()) && !view.is_own_chart();
        is_late.then_some(Finding { weight: self.weight, numbers: [u32::try_from(days).unwrap_or(u32::MAX), 0] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        format!("The patient had died {} days before", count(evidence.numbers[0]))
    }
}
