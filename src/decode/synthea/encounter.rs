//! Encounters of Synthea as relationships.

use super::{Row, not_applicable};
use crate::decode::time::{LocalClock, read_date};
use crate::decode::{Fault, INSTANT};
use crate::model::context::{Holder, Recorded, Relationship, RelationshipKind};
use crate::model::reject::RejectCode;
use crate::model::time::{DAY, Timestamp};

/// A row of encounters.csv: what ties its provider, and its organization, to the patient.
pub(super) fn relationships(row: &Row<'_>, clock: &mut LocalClock) -> Result<Vec<Relationship>, Fault> {
    let columns = row.columns;
    let holders = holders(row);
    if holders.is_empty() {
        return Err(not_applicable("the encounter names neither a provider nor an organization"));
    }
    let id = row.required(columns.id, "Id")?;
    let patient_id = row.required(columns.patient, "PATIENT")?;
    let (starts_at, ends_at) = period(row, clock)?;
    let relationship = |(part, holder): (&str, Holder)| Relationship {
        relationship_id: format!("{id}/{part}"),
        kind: RelationshipKind::Encounter,
        patient_id: patient_id.to_owned(),
        holder,
        starts_at,
        ends_at,
        recorded_by: None,
        encounter_id: Some(id.to_owned()),
        recorded: Recorded::default(),
    };
    Ok(holders.into_iter().map(relationship).collect())
}

/// Who the encounter names, with the last part of the key. Without a column `ORGANIZATION` (2019)
/// the provider is an organization.
fn holders(row: &Row<'_>) -> Vec<(&'static str, Holder)> {
    let columns = row.columns;
    let department = columns.organization.or(columns.provider);
    let user = columns.provider.filter(|_| columns.organization.is_some());
    let user = row.owned(user).map(|id| ("provider", Holder::User(id)));
    let department = row.owned(department).map(|id| ("organization", Holder::Department(id)));
    user.into_iter().chain(department).collect()
}

/// When the encounter began and ended; a blank `STOP` leaves it open. Where the file has no such
/// column (2017) it lasts for its day, so that it does not explain accesses for ever.
fn period(row: &Row<'_>, clock: &mut LocalClock) -> Result<(Timestamp, Option<Timestamp>), Fault> {
    let columns = row.columns;
    let (start, name) = match row.text(columns.start) {
        Some(start) => (start, "START"),
        None => (row.required(columns.date, "START")?, "DATE"),
    };
    let starts_at = begin(start, clock).ok_or_else(|| Fault::invalid(name, INSTANT))?;
    let ends_at = match (row.text(columns.stop), columns.stop) {
        (Some(stop), _) => Some(end(stop, clock).ok_or_else(|| Fault::invalid("STOP", INSTANT))?),
        (None, Some(_)) => None,
        (None, None) if read_date(start).is_some() => end(start, clock),
        (None, None) => Some(starts_at.plus(DAY)),
    };
    if ends_at.is_some_and(|ends_at| ends_at < starts_at) {
        return Err(Fault::new(RejectCode::InvalidValue, "STOP lies before START"));
    }
    Ok((starts_at, ends_at))
}

/// An instant, or the first of a day.
fn begin(text: &str, clock: &mut LocalClock) -> Option<Timestamp> {
    match read_date(text) {
        Some(day) => Some(clock.start_of(day)),
        None => instant(text, clock),
    }
}

/// An instant, or the end of a day.
fn end(text: &str, clock: &mut LocalClock) -> Option<Timestamp> {
    match read_date(text) {
        Some(day) => Some(clock.start_of(day.tomorrow().ok()?)),
        None => instant(text, clock),
    }
}

/// An instant to the second, or to the minute as in 2018: `2018-06-01T07:00Z`.
fn instant(text: &str, clock: &mut LocalClock) -> Option<Timestamp> {
    clock.instant(text).or_else(|| {
        let (minute, zone) = (text.get(..16)?, text.get(16..)?);
        clock.instant(&format!("{minute}:00{zone}"))
    })
}
