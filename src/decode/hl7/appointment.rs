//! Appointments (SIU) and orders (ORM, OMG, OML, OMI) as relationships.
//!
//! | Relationship | Who | When |
//! |---|---|---|
//! | appointment | AIP-3, else PV1-7; unit AIL-3, else PV1-3 | AIP-6/9, AIL-6/9, else AIS-4/7, TQ1-7/8, SCH-11 |
//! | order | ORC-12, OBR-16 | a day from ORC-9, else the message |

use super::desk::Heading;
use super::fields;
use super::message::{Field, Message, Segment};
use super::time;
use super::visit::Facts;
use crate::decode::Fault;
use crate::decode::time::LocalClock;
use crate::model::context::{Holder, Recorded, Relationship, RelationshipKind};
use crate::model::time::{DAY, HOUR, MINUTE, SECOND, Timestamp};

type Period = (Timestamp, Timestamp);

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
    let is_removed = |segment: &Segment<'_>| segment.field(2).value().as_deref() == Some("D");
    for segment in message.segments().filter(|segment| !is_removed(segment)) {
        let own = |clock: &mut LocalClock| period(segment.field(6), segment.field(9), segment.field(10), clock);
        if segment.is("AIP") {
            let when = own(clock);
            holders.extend(fields::people(segment.field(3)).into_iter().map(|user| (Holder::User(user), when)));
        } else if segment.is("AIL") {
            let when = own(clock);
            holders.extend(fields::place(segment.field(3)).map(|place| (Holder::Department(place), when)));
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

/// Start and end where a resource has none of its own.
fn usual_period(message: &Message<'_>, clock: &mut LocalClock) -> Option<Period> {
    let service = message.segment("AIS");
    let service = service.and_then(|ais| period(ais.field(4), ais.field(7), ais.field(8), clock));
    let mut between = |start: Field<'_>, end: Field<'_>| {
        let start = time::instant(&start.value()?, clock)?;
        let end = end.value().and_then(|end| time::instant(&end, clock));
        Some((start, end.unwrap_or(start.plus(HOUR)).max(start)))
    };
    let timing = message.field("SCH", 11);
    service
        .or_else(|| between(message.field("TQ1", 7), message.field("TQ1", 8)))
        .or_else(|| between(timing.part(4), timing.part(5)))
}

/// A start and a duration; an appointment without one lasts an hour.
fn period(start: Field<'_>, duration: Field<'_>, unit: Field<'_>, clock: &mut LocalClock) -> Option<Period> {
    let start = time::instant(&start.value()?, clock)?;
    let unit = match unit.value().unwrap_or_default().to_ascii_uppercase().as_str() {
        "S" | "SEC" | "SECOND" | "SECONDS" => SECOND,
        "H" | "HR" | "HRS" | "HOUR" | "HOURS" => HOUR,
        "D" | "DAY" | "DAYS" => DAY,
        _ => MINUTE,
    };
    let length = duration.value().and_then(|text| text.parse::<u32>().ok()).filter(|length| *length > 0);
    let length = length.map_or(HOUR, |length| i64::from(length).saturating_mul(unit));
    Some((start, start.plus(length)))
}

/// The relationships of the orders in a message.
pub(super) fn ordered(message: &Message<'_>, patient: &str, heading: &Heading, clock: &mut LocalClock) -> Facts {
    let mut facts = Facts::new();
    let (mut start, mut number) = (heading.heard_at, None);
    for segment in message.segments() {
        let person = if segment.is("ORC") {
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
        for user in fields::people(person) {
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
