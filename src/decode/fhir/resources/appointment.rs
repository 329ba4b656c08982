//! Appointment.
//!
//! | canonical | Appointment |
//! |---|---|
//! | patient_id | `subject` (R5), else each participant that is a Patient |
//! | holder | `participant.actor` that is staff or a place and has not declined |
//! | starts_at | `start`, else the first of `requestedPeriod` |
//! | ends_at | `end`, else the start and `minutesDuration` |
//! | withdrawn | cancelled, entered-in-error |

use serde_json::Value;

use super::source::{Care, Period, Source, each, nobody, word};
use crate::decode::Fault;
use crate::decode::fhir::view::text;
use crate::model::context::{Holder, RelationshipKind};
use crate::model::reject::RejectCode;
use crate::model::time::MINUTE;

pub(super) fn appointment(source: &mut Source<'_, '_>) -> Result<(), Fault> {
    let patients = patients(source);
    if matches!(source.status().as_str(), "cancelled" | "entered-in-error") {
        source.withdraw(&["participant"], patients.len());
        return Ok(());
    }
    if matches!(source.status().as_str(), "proposed" | "waitlist") {
        return Err(Fault::new(RejectCode::NotApplicable, "an appointment that is only proposed"));
    }
    if patients.is_empty() {
        return Err(nobody("participant of type Patient"));
    }
    let care = Care {
        kind: RelationshipKind::Appointment,
        patients,
        period: period(source)?,
        is_over: false,
        start_field: "start",
        encounter_id: None,
    };
    source.ties(&care, "participant", actor)
}

fn patients(source: &Source<'_, '_>) -> Vec<String> {
    let root = source.root;
    let subject = root.get("subject").filter(|subject| source.kind_of(subject) != Some("Group"));
    let found: Vec<String> = subject.and_then(|subject| source.identity(subject)).into_iter().collect();
    if !found.is_empty() {
        return found;
    }
    let actors = each(root, "participant").iter().filter_map(|participant| participant.get("actor"));
    actors.filter(|actor| source.kind_of(actor) == Some("Patient")).filter_map(|actor| source.identity(actor)).collect()
}

/// Without an end an appointment is over when it starts: an open one would explain for ever.
fn period(source: &mut Source<'_, '_>) -> Result<Period, Fault> {
    let root = source.root;
    let own = Period { start: source.instant("start")?, end: source.instant("end")? };
    let period = if own.start.is_some() { own } else { source.period(root, &["requestedPeriod"])? };
    let Some(start) = period.start else { return Ok(period) };
    if period.end.is_some_and(|end| end < start) {
        return Err(Fault::new(RejectCode::InvalidValue, "an appointment ends before it starts"));
    }
    let minutes = word(root, &["minutesDuration"]).and_then(|minutes| minutes.parse::<i64>().ok()).unwrap_or(0);
    let planned = start.plus(minutes.max(0).saturating_mul(MINUTE));
    Ok(Period { start: Some(start), end: period.end.or(Some(planned)) })
}

fn actor<'v>(source: &Source<'v, '_>, participant: &'v Value) -> Option<Holder> {
    let has_declined = text(participant, &["status"]) == Some("declined");
    source.holder(participant.get("actor").filter(|_| !has_declined)?)
}
