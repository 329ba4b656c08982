//! Clocks and facts: earlier at once, later with a reason and a second person.

use jiff::civil::Date;

use super::super::Case;
use super::super::clock::ClockField;
use super::super::event::Event;
use super::super::facts::Fact;
use super::{Asked, Change, Refusal, Weight, given, local, made, refuse, written};
use crate::model::time::{DAY, Timestamp};

/// Sets a clock field. Earlier is taken at once; later needs a reason and a second person.
///
/// # Errors
/// When the field is not for people, or the instant lies in the future or before the access.
pub fn set_clock(
    case: &Case,
    asked: &Asked<'_>,
    field: ClockField,
    after: Timestamp,
    reason: Option<&str>,
) -> Result<Event, Refusal> {
    let before = case.clocks.get(field);
    let is_later = before.is_some_and(|before| after > before) || is_lenient_diligence(case, field, after);
    asked.may(case, if is_later { Weight::Clear } else { Weight::Change })?;
    let name = field.name();
    if !field.is_for_people() {
        return refuse(format!("{name} is what the log and the program recorded: no person sets it"));
    }
    if after > asked.at {
        return refuse(format!("{name} {} lies in the future", local(case, after)));
    }
    if let Some((first, _)) = case.occurred()
        && after < first
    {
        let (after, first) = (local(case, after), local(case, first));
        return refuse(format!("{name} {after} lies before the first access of the case, {first}"));
    }
    let reason = given(reason).map(|reason| written(&reason)).transpose()?;
    if before == Some(after) {
        return refuse(format!("{name} is {} already", local(case, after)));
    }
    if is_later && reason.is_none() {
        return refuse(format!(
            "{name} would be a later reading: that needs --reason, and a second person to confirm it"
        ));
    }
    Ok(made(case, Change::Clock { field, before, after, reason }, is_later))
}

/// Whether a diligence date is later than the first regular review after the log was there.
fn is_lenient_diligence(case: &Case, field: ClockField, after: Timestamp) -> bool {
    let interval = DAY.saturating_mul(i64::from(case.facility.log_review_interval_days));
    let available = case.clocks.get(ClockField::SourceAvailableAt);
    field == ClockField::DiligenceAt && available.is_some_and(|available| after - available > interval)
}

/// States a fact. What could move a date later, or switch a duty off, needs a reason and a second person.
///
/// # Errors
/// When the value does not read.
pub fn set_fact(
    case: &Case,
    asked: &Asked<'_>,
    fact: Fact,
    value: &str,
    reason: Option<&str>,
) -> Result<Event, Refusal> {
    let after = written(&fact.read(value).map_err(Refusal)?)?;
    check_delay(case, asked, fact, &after)?;
    let before = case.facts.get(fact).map(str::to_owned);
    let loosens = fact.loosens(before.as_deref(), &after);
    asked.may(case, if loosens { Weight::Clear } else { Weight::Change })?;
    let reason = given(reason).map(|reason| written(&reason)).transpose()?;
    if before.as_deref() == Some(&after) {
        return refuse(format!("{} is {after} already", fact.name()));
    }
    if loosens && reason.is_none() {
        return refuse(format!(
            "{} could move a deadline later, switch a duty off or open an exclusion: that needs --reason, and a second person \
             to confirm it",
            fact.name()
        ));
    }
    Ok(made(case, Change::Fact { fact, before, after, reason }, loosens))
}

/// Whether law enforcement's dates make sense beside each other.
fn check_delay(case: &Case, asked: &Asked<'_>, fact: Fact, after: &str) -> Result<(), Refusal> {
    let date = |fact: Fact| case.facts.get(fact).and_then(|text| text.parse::<Date>().ok());
    let given = || after.parse::<Date>().ok();
    let (stated, until) = match fact {
        Fact::LeStated => (given(), date(Fact::LeUntil)),
        Fact::LeUntil => (date(Fact::LeStated), given()),
        _ => return Ok(()),
    };
    if stated.is_some_and(|stated| stated > case.zone().date(asked.at)) {
        return refuse("le_stated lies in the future: give the day of the request or statement");
    }
    match (stated, until) {
        (Some(stated), Some(until)) if until < stated => {
            refuse(format!("the delay would end on {until}, before it was asked for on {stated}"))
        }
        _ => Ok(()),
    }
}
