//! # concurrent_workstations
//!
//! ## What it detects
//! One account at two workstations at once.
//!
//! ## Why it matters
//! Either two people use one log-in, and then the log names the wrong one; or somebody looks from a second
//! place while the first is still at work.
//!
//! ## How it decides
//! Within `within` around the access the account was used at another workstation, and before or after that
//! again at the one of the access. Moving from one to the other is no sign.
//!
//! ## Known false positives
//! Mobile carts; virtual desktops that roam; a hand-held beside the workstation.
//!
//! ## Blind spots
//! Sources that name neither workstation nor address. Two places are told apart by a short hash: one pair of
//! places in 32,000 looks like one place.
//!
//! ## Tuning
//! `within`: how close together. `weight`: log-odds.
//!
//! ## Triage runbook
//! 1. Ask the person where they were at `occurred_first`, before saying what the log shows.
//! 2. Look for the badge at doors and at the time clock near both workstations.
//!
//! ## References
//! 45 CFR 164.312(a)(2)(i), unique user identification; 45 CFR 164.312(d), authentication.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::access::Access;
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::registry::{Entry, Group, Meta};
use crate::model::span::Span;

static META: Meta = Meta {
    id: "concurrent_workstations",
    group: Group::Behaviour,
    since: "0.1.0",
    source: include_str!("concurrent_workstations.rs"),
};

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
    within: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: 0.7, within: Span::minutes(10) }
    }
}

impl Settings {
    /// Whether other, this and other, or this, other and this workstation follow each other.
    fn interleave<'a>(&self, access: &Access, near: impl Iterator<Item = &'a Access>) -> bool {
        let here = near.filter(|other| other.workstation != 0).map(|other| other.workstation == access.workstation);
        let mut turns = 0;
        let mut last = None;
        for is_here in here {
            turns += u32::from(last.is_some_and(|last| last != is_here));
            last = Some(is_here);
        }
        turns > 1
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        let (access, within) = (view.access, self.within.micros());
        let trail = view.trail.as_ref().filter(|_| access.workstation != 0 && !view.is_own_chart())?;
        let near = trail.accesses();
        let near = near.skip_while(|other| other.at > access.at.plus(within));
        let near = near.take_while(|other| other.at >= access.at.minus(within));
        self.interleave(access, near).then_some(Finding { weight: self.weight, numbers: [0, 0] })
    }

    fn reason(&self, _: &Evidence) -> String {
        "The account was in use at two workstations at once".to_owned()
    }
}
