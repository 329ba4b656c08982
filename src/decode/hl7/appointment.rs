//! Appointments (SIU) and orders (ORM, OMG, OML, OMI) as relationships.
//!
//! | Relationship | Who | When |
//! |---|---|---|
//! | appointment | AIP-3, AIG-3 of a person, else PV1-7 | AIP-6/9, AIG-8/11, else as below |
//! | appointment | AIL-3, AIG-3 of a place, else PV1-3 | AIL-6/9, else AIS-4/7, TQ1-7/8, SCH-11 and SCH-9 |
//! | order | ORC-12, OBR-16 | a day from ORC-9, else the message |
//!
//! A cancelled order is no new one. It does not take the first one back: who placed it looked at the chart for it, and
//! it ends after a day in any case. A patient who did not come was expected (S26, status Noshow).

use super::fields;
use super::heading::Heading;
use super::message::{Field, Message, Segment};
use super::time;
use super::visit::Facts;
use crate::decode::Fault;
use crate::decode::time::LocalClock;
use crate::model::context::{Holder, Recorded, Relationship, RelationshipKind};
use crate::model::time::{DAY, HOUR, MINUTE, SECOND, Timestamp};

type Period = (Timestamp, Timestamp);

/// Order controls (ORC-1, table 0119) of an order that is cancelled or discontinued.
const OVER: [&str; 6] = ["CA", "OC", "CR", "DC", "OD", "DR"];

/// The appointment's id: SCH-1 (placer), else SCH-2 (filler).
pub(super) fn id(message: &Message<'_>) -> Result<String, Fault> {
    let ids = [1, 2].into_iter().find_map(|number| message.field("SCH", number).part(1).value());
    ids.ok_or_else(|| Fault::missing("SCH-1 (the appointment's id)"))
}

/// The relationships of an appointment.
///
/// # Errors
/// `MissingField` when it has no time.
pub(super) fn booked(message: &Message<'_>, id: &str, patient: &str, clock: &mut LocalClock) -> Result<Facts, Fault> {
    let usual = usual_period(message, clock);
    let mut holders: Vec<(Holder, Option<Period>)> = Vec::new();
    for segment in message.segments().filter(|segment| !is_removed(*segment)) {
        let start = if segment.is("AIG") { 8 } else { 6 };
        let found = resources(segment);
        if !found.is_empty() {
            let [start, length, unit] = [start, start + 3, start + 4].map(|number| segment.field(number));
            let when = period(start, length, unit, clock);
            holders.extend(found.into_iter().map(|holder| (holder, when)));
        }
    }
    if !holders.iter().any(|(holder, _)| matches!(holder, Holder::User(_))) {
        let attending = fields::people(message.field("PV1", 7));
        holders.extend(attending.into_iter().map(|user| (Holder::User(user), None)));
    }
    if !holders.iter().any(|(holder, _)| matches!(holder, Holder::Department(_))) {
        let unit = fields::place(message.field("PV1", 3));
        holders.extend(unit.map(|place| (Holder::Department(place), None)));
    }
    let mut facts = Facts::new();
    for (holder, when) in holders {
        let Some(when) = when.or(usual) else {
            return Err(Fault::missing("the start of the appointment (AIP-6, AIL-6, AIS-4, TQ1-7 or SCH-11)"));
        };
        let key = match &holder {
            Holder::User(user) => format!("hl7/appointment/{id}/by/{user}"),
            Holder::Department(place) => format!("hl7/appointment/{id}/at/{place}"),
        };
        add(&mut facts, key, RelationshipKind::Appointment, patient, holder, when, fields::visit_number(message));
    }
    Ok(facts)
}

/// The person or place that a segment reserves.
fn resources(segment: Segment<'_>) -> Vec<Holder> {
    if segment.is("AIP") {
        return fields::people(segment.field(3)).into_iter().map(Holder::User).collect();
    }
    if segment.is("AIL") {
        return fields::place(segment.field(3)).map(Holder::Department).into_iter().collect();
    }
    if !segment.is("AIG") {
        return Vec::new();
    }
    let kind = fields::meaning(segment.field(4)).unwrap_or_default().to_ascii_uppercase();
    let is_any = |words: &[&str]| words.iter().any(|word| kind.starts_with(word));
    if is_any(&["PROV", "PHYS", "DOC", "PRACT", "CLINICIAN", "NURS", "STAFF", "PERS"]) {
        segment.field(3).part(1).value().map(Holder::User).into_iter().collect()
    } else if is_any(&["ROOM", "LOC", "DEP", "CLINIC", "UNIT", "WARD"]) {
        fields::meaning(segment.field(3)).map(Holder::Department).into_iter().collect()
    } else {
        Vec::new()
    }
}

/// Whether a segment takes its resource out of the appointment: its action code, or its status.
fn is_removed(segment: Segment<'_>) -> bool {
    let status = segment.field(if segment.is("AIG") { 14 } else { 12 });
    let is_resource = ["AIP", "AIL", "AIG"].iter().any(|name| segment.is(name));
    is_resource && (segment.field(2).value().as_deref() == Some("D") || is_off(status))
}

/// Whether a status is that of an appointment that was called off (table 0278).
fn is_off(status: Field<'_>) -> bool {
    let status = status.value().unwrap_or_default().to_ascii_uppercase();
    status.starts_with("CANCEL") || status.starts_with("DELETE")
}

/// Whether SCH-25 says that the appointment was called off, whatever the event.
pub(super) fn is_called_off(message: &Message<'_>) -> bool {
    is_off(message.field("SCH", 25))
}

/// What remains of an appointment that was broken off at `at`: what had begun, until then.
pub(super) fn stopped(facts: &Facts, at: Timestamp) -> Facts {
    let begun = facts.iter().filter(|(_, fact)| fact.starts_at < at);
    let ended = begun.map(|(key, fact)| {
        let ends_at = Some(fact.ends_at.map_or(at, |ends| ends.min(at)));
        (key.clone(), Relationship { ends_at, ..fact.clone() })
    });
    ended.collect()
}

/// Start and end where a resource has none of its own.
fn usual_period(message: &Message<'_>, clock: &mut LocalClock) -> Option<Period> {
    let service = message.segment("AIS");
    let service = service.and_then(|ais| period(ais.field(4), ais.field(7), ais.field(8), clock));
    let sch = |number| message.field("SCH", number);
    let planned = length(sch(9), sch(10));
    let mut between = |start: Field<'_>, end: Field<'_>| {
        let start = time::instant(&start.value()?, clock)?;
        let end = end.value().and_then(|end| time::instant(&end, clock));
        Some((start, end.unwrap_or(start.plus(planned)).max(start)))
    };
    let timing = sch(11);
    service
        .or_else(|| between(message.field("TQ1", 7), message.field("TQ1", 8)))
        .or_else(|| between(timing.part(4), timing.part(5)))
}

/// A start and a duration.
fn period(start: Field<'_>, duration: Field<'_>, unit: Field<'_>, clock: &mut LocalClock) -> Option<Period> {
    let start = time::instant(&start.value()?, clock)?;
    Some((start, start.plus(length(duration, unit))))
}

/// A duration in microseconds; an appointment without one lasts an hour.
fn length(duration: Field<'_>, unit: Field<'_>) -> i64 {
    let unit = match unit.value().unwrap_or_default().to_ascii_uppercase().as_str() {
        "S" | "SEC" | "SECOND" | "SECONDS" => SECOND,
        "H" | "HR" | "HRS" | "HOUR" | "HOURS" => HOUR,
        "D" | "DAY" | "DAYS" => DAY,
        _ => MINUTE,
    };
    let length = duration.value().and_then(|text| text.parse::<u32>().ok()).filter(|length| *length > 0);
    length.map_or(HOUR, |length| i64::from(length).saturating_mul(unit))
}

/// The relationships of the orders in a message.
pub(super) fn ordered(message: &Message<'_>, patient: &str, heading: &Heading, clock: &mut LocalClock) -> Facts {
    let mut facts = Facts::new();
    let (mut start, mut number, mut is_over) = (heading.heard_at, None, false);
    for segment in message.segments() {
        let person = if segment.is("ORC") {
            let control = segment.field(1).value().unwrap_or_default().to_ascii_uppercase();
            is_over = OVER.contains(&control.as_str());
            let written = segment.field(9).value().and_then(|text| time::instant(&text, clock));
            start = written.unwrap_or(heading.heard_at);
            number = None;
            segment.field(12)
        } else if segment.is("OBR") {
            segment.field(16)
        } else {
            continue;
        };
        let own = [2, 3].into_iter().find_map(|place| segment.field(place).part(1).value());
        number = number.or(own);
        for user in fields::people(person).into_iter().filter(|_| !is_over) {
            // Each transaction is a record of its own: a later one does not move the first.
            let order = number.as_deref().unwrap_or(patient);
            let key = format!("hl7/order/{order}/{user}/{}", start.0);
            let encounter = fields::visit_number(message);
            let when = (start, start.plus(DAY));
            add(&mut facts, key, RelationshipKind::Order, patient, Holder::User(user), when, encounter);
        }
    }
    facts
}

fn add(
    facts: &mut Facts,
    key: String,
    kind: RelationshipKind,
    patient: &str,
    holder: Holder,
    (starts_at, ends_at): Period,
    encounter_id: Option<String>,
) {
    let relationship = Relationship {
        relationship_id: key.clone(),
        kind,
        patient_id: patient.to_owned(),
        holder,
        starts_at,
        ends_at: Some(ends_at),
        recorded_by: None,
        encounter_id,
        recorded: Recorded::default(),
    };
    facts.insert(key, relationship);
}
