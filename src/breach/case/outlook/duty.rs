//! What has to be sent to whom, and until when.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

use super::super::event::Recipient;
use super::super::{Case, CaseUnit, UnitKey};
use crate::breach::clocks::Deadlines;
use crate::breach::exclusions::Regime;
use crate::breach::{exposure, iso_date};

/// Calendar days for the notice to residents (Civil Code 1798.82(a), since 2026-01-01).
const RESIDENT_DAYS: i64 = 30;
/// The Attorney General gets a copy when more residents than this are notified of one breach (1798.82(f)).
const ATTORNEY_GENERAL_MORE_THAN: u64 = 500;
/// Calendar days after that notice (1798.82(f)).
const ATTORNEY_GENERAL_DAYS: i64 = 15;

/// One thing to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Duty {
    pub to: Recipient,
    pub title: &'static str,
    pub citation: &'static str,
    /// In time until 23:59:59 of this local date.
    #[serde(with = "iso_date")]
    pub deadline: Date,
    /// When the last of the units concerned was covered; `None` while something is missing.
    #[serde(with = "iso_date::optional")]
    pub done_on: Option<Date>,
    /// Calendar days late: until it was done, else until today.
    pub late_days: u64,
}

/// The duties of a regime for the units that are not excluded, earliest first.
pub(super) fn duties(case: &Case, regime: Regime, deadlines: &Deadlines, open: &[&CaseUnit], today: Date) -> Vec<Duty> {
    let mut duties = Vec::new();
    let mut add = |to, title, citation, deadline: Option<Date>| {
        if let Some(deadline) = deadline {
            let done_on = done_on(case, to, open);
            let late_days = exposure::late_days(deadline, done_on.unwrap_or(today));
            duties.push(Duty { to, title, citation, deadline, done_on, late_days });
        }
    };
    let delayed = deadlines.delayed.as_ref();
    match regime {
        Regime::California => {
            add(Recipient::Cdph, "report to CDPH", "22 CCR 79902(a)", deadlines.cdph_deadline);
            let patient = delayed.and_then(|delayed| delayed.patient_deadline_safe).or(deadlines.patient_deadline);
            add(Recipient::Patient, "notice to the patient", "HSC 1280.15(b)(2)", patient);
        }
        Regime::Hipaa => {
            let end = delayed.and_then(|delayed| delayed.le_delay_end_hipaa);
            let later = |deadline: Option<Date>| deadline.map(|deadline| end.map_or(deadline, |end| deadline.max(end)));
            let individual = later(deadlines.hipaa_individual_deadline);
            add(Recipient::Patient, "notice to individuals", "45 CFR 164.404", individual);
            add(Recipient::Media, "notice to the media", "45 CFR 164.406", later(deadlines.media_deadline));
            add(Recipient::Hhs, "notice to HHS", "45 CFR 164.408", later(deadlines.hhs_deadline));
        }
        Regime::CivilCode => {
            let residents = deadlines.discovered_date.map(|date| date.saturating_add(RESIDENT_DAYS.days()));
            add(Recipient::Residents, "notice to residents", "Civil Code 1798.82(a)", residents);
            let many = case.facts.residents().is_some_and(|residents| residents > ATTORNEY_GENERAL_MORE_THAN);
            let told = done_on(case, Recipient::Residents, open).filter(|_| many);
            let general = told.map(|told| told.saturating_add(ATTORNEY_GENERAL_DAYS.days()));
            add(Recipient::AttorneyGeneral, "copy to the Attorney General", "Civil Code 1798.82(f)", general);
        }
        Regime::Part2 => {}
    }
    duties.sort_by_key(|duty| duty.deadline);
    duties
}

/// When every one of the units was covered by something sent to `to`.
fn done_on(case: &Case, to: Recipient, units: &[&CaseUnit]) -> Option<Date> {
    let first = |key: &UnitKey| {
        let notices = case.notices.iter().filter(|notice| notice.to == to && notice.units.contains(key));
        notices.map(|notice| notice.sent_on).min()
    };
    units.iter().map(|unit| first(&unit.key)).collect::<Option<Vec<Date>>>()?.into_iter().max()
}
