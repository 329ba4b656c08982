//! # brief_look
//!
//! ## What it detects
//! A look that was probably the wrong chart: it counts for the person, not against.
//!
//! ## Why it matters
//! The line above or below in a list is opened by mistake many times a day in every hospital. Such looks are
//! by far the most that nothing explains.
//!
//! ## How it decides
//! Within `shift_span` around the access (`[engine]`) the person viewed this chart once and did nothing else in
//! it, and another patient's chart was opened at most `within` later. In an incident it counts only where it
//! holds for every access.
//!
//! ## Known false positives
//! A glance out of curiosity in the middle of work: with a personal tie it is still found.
//!
//! ## Blind spots
//! Systems that log one line for each chart and day.
//!
//! ## Tuning
//! `within`: longest time until the next chart. `weight`: log-odds, negative.
//!
//! ## Triage runbook
//! 1. Compare the two patients of that minute: name, bed, time of appointment.
//!
//! ## References
//! Hedda et al., on simple reasons behind flags of audit rules, AMIA 2017; 45 CFR 164.402(1)(i), access in good
//! faith.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::registry::{Entry, Group, Meta};
use crate::model::access::Action;
use crate::model::span::Span;

static META: Meta =
    Meta { id: "brief_look", group: Group::Behaviour, since: "0.1.0", source: include_str!("brief_look.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
    within: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: -2.0, within: Span::seconds(90) }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        let access = view.access;
        if access.action() != Action::View || view.is_own_chart() {
            return None;
        }
        let next_by = access.at.plus(self.within.micros());
        let (mut looks, mut moved_on) = (0, false);
        for other in view.trail.as_ref()?.accesses().filter(|other| other.counts()) {
            looks += u32::from(other.patient == access.patient);
            moved_on |= other.patient != access.patient && access.at < other.at && other.at <= next_by;
        }
        (looks == 1 && moved_on).then_some(Finding { weight: self.weight, numbers: [0, 0] })
    }

    fn reason(&self, _: &Evidence) -> String {
        "Opened once and left for another chart at once: perhaps the wrong chart".to_owned()
    }
}
