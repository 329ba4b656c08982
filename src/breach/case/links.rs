//! Subsequent occurrences: cases that may continue one that was reported (22 CCR 79901(p)).
//!
//! The register proposes; a person says whether it is so. It is not automatic: the same patient may be affected twice
//! for unrelated reasons.

use jiff::ToSpan;
use jiff::civil::Date;

use super::Case;
use super::event::{Event, Recipient};
use super::facts::Fact;

/// Reports older than this are not asked for (79902, report content: past six years).
const YEARS: i64 = 6;

/// The links to propose for `case` among `others`.
#[must_use]
pub fn propose(case: &Case, others: &[Case]) -> Vec<Event> {
    let mut events = Vec::new();
    for other in others {
        let is_known = case.links.iter().any(|link| link.case_id == other.case_id);
        if is_known || other.case_id == case.case_id || other.is_rehearsal != case.is_rehearsal {
            continue;
        }
        if let Some(why) = reason(case, other) {
            events.push(Event::LinkProposed { case_id: other.case_id.clone(), why });
        }
    }
    events
}

fn reason(case: &Case, other: &Case) -> Option<String> {
    let (_, last) = case.occurred()?;
    let occurred = case.zone().date(last);
    let reported = reported_before(other, occurred)?;
    let patients = case.patients();
    let is_same_patient = other.patients().iter().any(|patient| patients.contains(patient));
    let actors = case.actors();
    let is_same_actor = other.actors().iter().any(|actor| actors.contains(actor));
    let cause = |case: &Case| case.facts.get(Fact::Cause).map(str::to_lowercase);
    let is_same_cause = cause(case).is_some() && cause(case) == cause(other);
    let what = match (is_same_patient, is_same_actor, is_same_cause) {
        (true, true, _) => "same patient and same person",
        (true, false, true) => "same patient and same cause",
        _ => return None,
    };
    Some(format!("{what}, after a report of {reported}"))
}

/// When the first report about a case went to the Department, if that was in the six years before `day`.
#[must_use]
pub fn reported_before(case: &Case, day: Date) -> Option<Date> {
    let reports = case.notices.iter().filter(|notice| notice.to == Recipient::Cdph);
    let first = reports.map(|notice| notice.sent_on).min()?;
    (first <= day && day <= first.saturating_add(YEARS.years())).then_some(first)
}
