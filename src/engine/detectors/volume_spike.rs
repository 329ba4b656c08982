//! # volume_spike
//!
//! ## What it detects
//! One person opens far more charts without a reason on one day than on a usual one.
//!
//! ## Why it matters
//! Identity thieves, brokers of patient lists and leavers take many charts at once. Each look alone weighs
//! little.
//!
//! ## How it decides
//! It counts the charts that the person opened on one local day and that nothing explains, and compares them
//! with a usual day of the same person: the four weeks before, or `usual_floor` where that is more. Below
//! `min_charts` it stays silent. The weight is the logarithm of how much better a day of that volume is
//! explained by its own rate than by the usual one (Poisson), divided by `dispersion`, because such charts come
//! in clumps. What belongs together becomes one incident of kind `user_burst`.
//!
//! ## Known false positives
//! A day on which a feed was silent without being noticed; a project of chart reviews without recorded tasks.
//!
//! ## Blind spots
//! Few charts a day over weeks: see `serial_looks`. Charts that something explains are not counted.
//!
//! ## Tuning
//! `min_charts`; `usual_floor`: charts of a usual day that everybody is granted; `dispersion`; `max_weight`.
//!
//! ## Triage runbook
//! 1. On the day of `occurred_first`, see which lists and searches `user_id` used.
//! 2. Ask the manager whether there was a project, and for the list of its charts.
//! 3. See whether anything was printed, exported or sent.
//!
//! ## References
//! Boxwala et al., JAMIA 2011; 45 CFR 164.308(a)(1)(ii)(D), information system activity review.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::evidence::{Evidence, Finding, Gathering};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "volume_spike", group: Group::Crowd, since: "0.1.0", source: include_str!("volume_spike.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    min_charts: u32,
    usual_floor: f64,
    dispersion: f64,
    max_weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { min_charts: 8, usual_floor: 2.0, dispersion: 2.0, max_weight: 6.0 }
    }
}

impl Detector for Settings {
    fn gather(&self, gathering: &Gathering) -> Option<Finding> {
        let Gathering::Day(day) = gathering else { return None };
        let (charts, usual) = (f64::from(day.charts), day.usual.max(self.usual_floor));
        if day.charts < self.min_charts || charts <= usual {
            return None;
        }
        let likelier = charts * (charts / usual).ln() - (charts - usual);
        let weight = (likelier / self.dispersion).min(self.max_weight);
        Some(Finding { weight, numbers: [day.charts, day.usual.round() as u32] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        let [charts, usual] = evidence.numbers;
        format!("{charts} charts opened without a reason on one day; on a usual day of this person: {usual}")
    }
}
