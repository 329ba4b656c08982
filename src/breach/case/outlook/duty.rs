//! What has to be sent to whom, and until when.

use jiff::ToSpan;
use jiff::civil::Date;
use serde::Serialize;

use super::super::event::{Notice, Recipient};
use super::super::{Case, CaseUnit};
use super::standing::affected;
use crate::breach::clocks::Deadlines;
use crate::breach::exclusions::Regime;
use crate::breach::{exposure, iso_date};

/// Calendar days for the notice to residents (Civil Code 1798.82(a), since 2026-01-01).
const RESIDENT_DAYS: i64 = 30;
/// With more residents than this of one State the media are told (164.406), and the Attorney General gets a copy
/// (Civil Code 1798.82(f)).
const MANY_RESIDENTS: u64 = 500;
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
    /// How many units it is about.
    pub units: usize,
    /// When the last of the units was covered; `None` while something is missing.
    #[serde(with = "iso_date::optional")]
    pub done_on: Option<Date>,
    /// Calendar days late: until it was done, else until today.
    pub late_days: u64,
}

/// What came after a notice to somebody.
#[derive(Clone, Copy, Debug)]
pub(super) struct Growth {
    pub(super) to: Recipient,
    /// The day on which it was flagged; what was sent before does not cover it.
    pub(super) since: Date,
}

/// The duties of a regime for units that were known on one day; for growth, only the one that it asks for.
pub(super) fn duties(
    case: &Case,
    regime: Regime,
    deadlines: &Deadlines,
    units: &[&CaseUnit],
    growth: Option<Growth>,
    today: Date,
) -> Vec<Duty> {
    let mut duties = Vec::new();
    let since = growth.map(|growth| growth.since);
    let mut add = |to, title, citation, deadline: Option<Date>| {
        let deadline = deadline.filter(|_| growth.is_none_or(|growth| growth.to == to));
        if let Some(deadline) = deadline {
            let done_on = done_on(case, to, units, since);
            let late_days = exposure::late_days(deadline, done_on.unwrap_or(today));
            duties.push(Duty { to, title, citation, deadline, units: units.len(), done_on, late_days });
        }
    };
    let residents = case.facts.residents();
    // Missing data is never favourable: where nobody has counted the residents, so many patients may all be of one State.
    let may_be_many = residents.unwrap_or(affected(case, Regime::Hipaa).len() as u64) > MANY_RESIDENTS;
    let counted = |title: &'static str, unknown: &'static str| if residents.is_some() { title } else { unknown };
    match regime {
        Regime::California => {
            add(Recipient::Cdph, "report to CDPH", "22 CCR 79902(a)", deadlines.cdph_deadline);
            let patient = delayed_patient(case, deadlines);
            add(Recipient::Patient, "notice to the patient", "HSC 1280.15(b)(2)", patient);
        }
        Regime::Hipaa => {
            let later = |deadline: Option<Date>| deadline.map(|deadline| delayed_federal(case, deadlines, deadline));
            let individual = later(deadlines.hipaa_individual_deadline);
            add(Recipient::Patient, "notice to individuals", "45 CFR 164.404", individual);
            let title = counted("notice to the media", "media, unless residents=N says few");
            add(Recipient::Media, title, "45 CFR 164.406", individual.filter(|_| may_be_many));
            add(Recipient::Hhs, "notice to HHS", "45 CFR 164.408", later(deadlines.hhs_deadline));
        }
        Regime::CivilCode => {
            let due = deadlines.discovered_date.map(|date| date.saturating_add(RESIDENT_DAYS.days()));
            add(Recipient::Residents, "notice to residents", "Civil Code 1798.82(a)", due);
            let told = done_on(case, Recipient::Residents, units, since).filter(|_| may_be_many);
            let general = told.map(|told| told.saturating_add(ATTORNEY_GENERAL_DAYS.days()));
            let title = counted("copy to the Attorney General", "AG, unless residents=N says few");
            add(Recipient::AttorneyGeneral, title, "Civil Code 1798.82(f)", general);
        }
        Regime::Part2 => {}
    }
    duties
}

/// California's notice to the patient after law enforcement's delay. A statement made after the notice was due delays
/// nothing that was not late already.
fn delayed_patient(case: &Case, deadlines: &Deadlines) -> Option<Date> {
    let ordinary = deadlines.patient_deadline?;
    let is_in_time = case.facts.delay().is_some_and(|delay| delay.stated <= ordinary);
    let delayed = deadlines.delayed.as_ref().filter(|_| is_in_time);
    delayed.and_then(|delayed| delayed.patient_deadline_safe).or(Some(ordinary))
}

/// A federal notice after law enforcement's delay, in the same way.
fn delayed_federal(case: &Case, deadlines: &Deadlines, ordinary: Date) -> Date {
    let is_in_time = case.facts.delay().is_some_and(|delay| delay.stated <= ordinary);
    let delayed = deadlines.delayed.as_ref().filter(|_| is_in_time);
    delayed.and_then(|delayed| delayed.le_delay_end_hipaa).map_or(ordinary, |end| ordinary.max(end))
}

/// When every one of the units was covered by something sent to `to`, not before `since`.
fn done_on(case: &Case, to: Recipient, units: &[&CaseUnit], since: Option<Date>) -> Option<Date> {
    let first = |unit: &CaseUnit| {
        let covers = |notice: &&Notice| {
            notice.to == to && notice.units.contains(&unit.key) && since.is_none_or(|since| notice.sent_on >= since)
        };
        case.notices.iter().filter(covers).map(|notice| notice.sent_on).min()
    };
    units.iter().map(|unit| first(unit)).collect::<Option<Vec<Date>>>()?.into_iter().max()
}
