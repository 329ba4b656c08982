//! The year's log of breaches that affected fewer than 500 people (45 CFR 164.408(c)), by the questions of the HHS
//! portal. By year of *discovery*.

use anyhow::Result;

use super::csv_text;
use crate::breach::case::Case;
use crate::breach::case::event::Recipient;
use crate::breach::case::facts::Fact;
use crate::breach::case::outlook::{Outlook, State, affected};
use crate::breach::clocks::HHS_LARGE;
use crate::breach::exclusions::Regime;

const HEADER: [&str; 15] = [
    "case_id",
    "report_id",
    "breach_start",
    "breach_end",
    "discovery_date",
    "individuals_affected",
    "type_of_breach",
    "location_of_information",
    "type_of_information",
    "description",
    "safeguards_before",
    "individual_notice_first",
    "individual_notice_last",
    "media_notice",
    "actions_taken",
];

/// One row for each case that is a breach under HIPAA and was discovered in `year`.
///
/// # Errors
/// When the text cannot be written.
pub fn csv(cases: &[(&Case, Outlook)], year: i16) -> Result<String> {
    let rows: Vec<Vec<String>> = cases.iter().filter(|(case, outlook)| belongs(case, outlook, year)).map(row).collect();
    csv_text(&HEADER, &rows)
}

/// Cases discovered in `year` that nobody has decided under HIPAA yet: a breach is presumed (164.402), so they are to be
/// decided before the log is filed.
#[must_use]
pub fn undecided(cases: &[(&Case, Outlook)], year: i16) -> usize {
    let is_one = |(case, outlook): &&(&Case, Outlook)| {
        let waits = |state: State| matches!(state, State::Suspected | State::UnderReview);
        !case.is_rehearsal
            && outlook.deadlines.discovered_date.is_some_and(|date| date.year() == year)
            && outlook.regimes.iter().any(|one| one.regime == Regime::Hipaa && waits(one.state))
    };
    cases.iter().filter(is_one).count()
}

fn belongs(case: &Case, outlook: &Outlook, year: i16) -> bool {
    let state = outlook.regimes.iter().find(|one| one.regime == Regime::Hipaa).map(|one| one.state);
    matches!(state, Some(State::Breach | State::Reported))
        && outlook.deadlines.discovered_date.is_some_and(|date| date.year() == year)
        && (affected(case, Regime::Hipaa).len() as u64) < HHS_LARGE
        && !case.is_rehearsal
}

fn row((case, outlook): &(&Case, Outlook)) -> Vec<String> {
    let zone = case.zone();
    let unknown = |fact: Fact| case.facts.get(fact).unwrap_or("unknown so far: nobody has stated it").to_owned();
    let dates = |to: Recipient| {
        let sent = || case.notices.iter().filter(move |notice| notice.to == to).map(|notice| notice.sent_on);
        (sent().min(), sent().max())
    };
    let date = |date: Option<jiff::civil::Date>| date.map_or_else(String::new, |date| date.to_string());
    let occurred = case.occurred();
    let (first, last) = dates(Recipient::Patient);
    let media = dates(Recipient::Media).0.map_or("no", |_| "yes");
    let medium = if case.facts.medium() == "ehr" { "electronic medical record" } else { case.facts.medium() };
    let reports = case.notices.iter().filter(|notice| notice.to == Recipient::Hhs);
    vec![
        case.case_id.clone(),
        reports.map(|notice| notice.report_id.as_str()).next().unwrap_or_default().to_owned(),
        date(occurred.map(|(first, _)| zone.date(first))),
        date(occurred.map(|(_, last)| zone.date(last))),
        date(outlook.deadlines.discovered_date),
        affected(case, Regime::Hipaa).len().to_string(),
        "unauthorized access/disclosure".to_owned(),
        medium.to_owned(),
        unknown(Fact::Elements),
        unknown(Fact::Narrative),
        unknown(Fact::Safeguards),
        date(first),
        date(last),
        media.to_owned(),
        unknown(Fact::Corrective),
    ]
}
