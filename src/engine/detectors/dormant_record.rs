//! # dormant_record
//!
//! ## What it detects
//! Nobody in the house had a reason to use the chart: no visit, order or appointment near the access.
//!
//! ## Why it matters
//! Undocumented care happens to patients who are in care. A chart that has rested for a month is opened by
//! somebody who wanted that chart.
//!
//! ## How it decides
//! Nothing explains the access, the patient is known, and no relationship for care by anybody but the person
//! who looked touches the time from `before` before to `after` after the access, as known by now. It weighs
//! nothing while the unit's feed is silent.
//!
//! ## Known false positives
//! Calls and letters long after a visit; the wrong chart opened by mistake (`brief_look`).
//!
//! ## Blind spots
//! People looked up because they are in the house.
//!
//! ## Tuning
//! `before`, `after`: how near care must be. `weight`: log-odds.
//!
//! ## Triage runbook
//! 1. In the year before `occurred_first`, see what the patient was last treated for, and by whom.
//! 2. Ask whether a call, a letter or a request for records came in that day.
//!
//! ## References
//! Boxwala et al., JAMIA 2011; Fabbri & LeFevre, explanation-based auditing, 2011.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::registry::{self, Entry, Group, Meta};
use crate::engine::settings::Policy;
use crate::model::span::Span;

static META: Meta =
    Meta { id: "dormant_record", group: Group::Absence, since: "0.1.0", source: include_str!("dormant_record.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
    before: Span,
    after: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: 0.7, before: Span::days(30), after: Span::days(7) }
    }
}

/// How long before its start care keeps a chart from being called dormant under a policy.
pub(in crate::engine) fn wakes_before(policy: &Policy) -> Span {
    let settings = policy.detectors.get(META.id).filter(|settings| registry::is_enabled(settings));
    let read = settings.and_then(|settings| registry::read::<Settings>(settings).ok());
    read.map_or(Span::default(), |settings| settings.after)
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        let rests = !view.is_explained && view.unknown.is_none() && view.chart.is_some() && !view.is_own_chart();
        let at = view.access.at;
        let is_near = || view.has_care(at.minus(self.before.micros()), at.plus(self.after.micros()));
        (rests && !is_near()).then_some(Finding { weight: self.weight, numbers: [0, 0] })
    }

    fn reason(&self, _: &Evidence) -> String {
        format!("No visit, order or appointment of the patient within {} before the access", self.before)
    }
}
