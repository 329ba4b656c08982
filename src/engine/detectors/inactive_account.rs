//! # inactive_account
//!
//! ## What it detects
//! The account was used outside of its owner's employment.
//!
//! ## Why it matters
//! Accounts that live on after somebody has left are used by the leaver, or by whoever knows the
//! password.
//!
//! ## How it decides
//! The access lies before the local day `hired_on`, or more than nine hours after the end of the local day
//! `ended_on`, of the newest staff record known by the time of the decision: a night shift that begins on the
//! last day is still worked. Every such access gets the full look, and the
//! home department explains it no more.
//!
//! ## Known false positives
//! Dates entered late or wrongly: a date that is corrected later clears the accesses. Work after the
//! last day that was agreed on (a physician who signs charts).
//!
//! ## Blind spots
//! Shared accounts; staff without dates.
//!
//! ## Tuning
//! `weight`: log-odds that it adds; alone it makes an incident.
//!
//! ## Triage runbook
//! 1. Ask human resources for the first and the last day of work.
//! 2. Ask the service desk when the account was closed, and who used it from where.
//! 3. Change the password of `user_id` now.
//!
//! ## References
//! 45 CFR 164.308(a)(3)(ii)(C), termination procedures.

use serde::{Deserialize, Serialize};

use super::{Detector, entry};
use crate::engine::enrich::View;
use crate::engine::evidence::{Evidence, Finding};
use crate::engine::registry::{Entry, Group, Meta};

static META: Meta =
    Meta { id: "inactive_account", group: Group::Plain, since: "0.1.0", source: include_str!("inactive_account.rs") };

pub(super) const ENTRY: Entry<dyn Detector> = entry::<Settings>(&META);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Settings {
    weight: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { weight: 9.5 }
    }
}

impl Detector for Settings {
    fn look(&self, view: &View<'_>) -> Option<Finding> {
        if view.is_employed {
            return None;
        }
        let member = view.context.member(view.access.user)?.newest(view.now)?;
        let is_before = member.hired_on.is_some_and(|first| view.zone.date(view.access.at) < first);
        Some(Finding { weight: self.weight, numbers: [u32::from(is_before), 0] })
    }

    fn reason(&self, evidence: &Evidence) -> String {
        let when = if evidence.numbers[0] == 1 { "before the first day" } else { "after the last day" };
        format!("The account was used {when} of work")
    }
}
