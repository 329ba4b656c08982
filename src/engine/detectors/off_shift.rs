//! # off_shift
//!
//! ## What it detects
//! An access on a day on which the person is rostered, but outside of the rostered hours.
//!
//! ## Why it matters
//! Before and after work nobody has a task in a chart.
//!
//! ## How it decides
//! A known shift of the person begins or ends on the local day of the access, and none covers it, with
//! `margin` before its start and after its end: people come early, and finish their notes. Without a roster for
//! that day nothing is known. It weighs little and never makes an incident by itself.
//!
//! ## Known false positives
//! Overtime; swapped shifts that are not entered yet.
//!
//! ## Blind spots
//! People without a roster; looks during the shift.
//!
//! ## Tuning
//! `margin`: time before and after a shift that belongs to it. `weight`: log-odds.
//!
//! ## Triage runbook
//! 1. Compare `occurred_first` with the time clock and the roster as it was worked.
//! 2. See whether the workstation is one of the unit or a remote session.
//!
//! ## References
//! 45 CFR 164.308(a)(5)(ii)(C), log-in monitoring.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::registry::{Entry, Group, Meta};
use crate::engine::roster::Presence;
use crate::model::span::Span;

static META: Meta =
    Meta { id: "off_shift", group: Group::Absence, since: "0.1.0", source: include_str!("off_shift.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
    margin: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: 0.7, margin: Span::minutes(90) }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        let is_off = || view.presence(self.margin.micros()) == Presence::Off;
        let fires = !view.is_explained && view.unknown.is_none() && !view.is_own_chart() && is_off();
        fires.then_some(Finding { weight: self.weight, numbers: [0, 0] })
    }

    fn reason(&self, _: &Evidence) -> String {
        "Outside of the hours for which the person is rostered that day".to_owned()
    }
}
