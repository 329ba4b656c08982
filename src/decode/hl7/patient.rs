//! Patients and their contacts, as PID, PD1, PV1, NK1 and GT1 tell them.
//!
//! | Field | Said in | | Field | Said in |
//! |---|---|---|---|---|
//! | names | PID-5, PID-9 | | VIP | PV1-16 |
//! | birth | PID-7 | | restricted | PD1-12, PV2-22, ARV |
//! | address | PID-11 | | contact | NK1-2, 3, 5, 12, 33 |
//! | phone | PID-13, PID-14 | | guarantor | GT1-3, 6, 11 |
//! | died | PID-29, PID-30 | | | |

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::message::{Field, Message, Segment, Text};
use super::{fields, time};
use crate::decode::time::read_bool;
use crate::model::context::{Patient, Recorded, RelatedPerson};

/// Writes what PID says over what is known. `date` is the day of the event.
pub(super) fn demographics(patient: &mut Patient, pid: Segment<'_>, date: Option<Date>) {
    if let Some(name) = fields::name(pid.field(5)) {
        let former = patient.family_name.take().filter(|former| name.family.as_ref() != Some(former));
        (patient.given_name, patient.family_name) = (name.given, name.family);
        // A name that was deleted was none.
        let former = former.filter(|_| patient.family_name.is_some());
        add_names(patient, name.others.into_iter().chain(former));
    }
    if let Some(alias) = fields::name(pid.field(9)) {
        add_names(patient, alias.family.into_iter().chain(alias.others));
    }
    overwrite(&mut patient.birth_date, pid.field(7), time::date);
    if let Some(address) = fields::address(pid.field(11)) {
        (patient.street, patient.city, patient.postal_code) = (address.street, address.city, address.postal_code);
    }
    let phone = fields::phone(pid.field(13)).or_else(|| fields::phone(pid.field(14)));
    if phone.is_some() || pid.field(13).is_deleted() {
        patient.phone = phone;
    }
    overwrite(&mut patient.deceased_on, pid.field(29), time::date);
    match pid.field(30).value().and_then(|text| read_bool(&text)) {
        Some(true) => patient.deceased_on = patient.deceased_on.or(date),
        Some(false) => patient.deceased_on = None,
        None => {}
    }
}

/// Writes what the other segments say: VIP and restricted.
pub(super) fn flags(patient: &mut Patient, message: &Message<'_>) {
    match message.field("PV1", 16).text() {
        Text::Missing => {}
        Text::Deleted => patient.is_vip = false,
        Text::Value(text) => patient.is_vip = read_bool(&text) != Some(false),
    }
    let protections = [message.field("PD1", 12), message.field("PV2", 22)];
    let is_removal = |arv: &Segment<'_>| arv.field(2).value().is_some_and(|action| action.eq_ignore_ascii_case("D"));
    let restrictions: Vec<bool> =
        message.segments().filter(|segment| segment.is("ARV")).map(|arv| !is_removal(&arv)).collect();
    let said = protections.iter().filter_map(|field| match field.text() {
        Text::Missing => None,
        Text::Deleted => Some(false),
        Text::Value(text) => read_bool(&text),
    });
    if let Some(is_restricted) = said.chain(restrictions).reduce(|one, other| one || other) {
        patient.is_restricted = is_restricted;
    }
}

fn add_names(patient: &mut Patient, names: impl Iterator<Item = String>) {
    for name in names {
        if patient.family_name.as_ref() != Some(&name) && !patient.previous_family_names.contains(&name) {
            patient.previous_family_names.push(name);
        }
    }
}

/// A value that cannot be read says nothing.
fn overwrite<T>(known: &mut Option<T>, field: Field<'_>, read: fn(&str) -> Option<T>) {
    match field.text() {
        Text::Missing => {}
        Text::Deleted => *known = None,
        Text::Value(text) => *known = read(&text).or(known.take()),
    }
}

/// Contacts that a message does not name any more: a list of contacts is the whole list of its kind.
pub(super) fn retired(
    named: &[(String, Option<RelatedPerson>)],
    known: &BTreeMap<String, RelatedPerson>,
) -> Vec<String> {
    let kind = |id: &str| id.rsplit_once('/').map(|(kind, _)| kind.to_owned());
    let is_left_out = |id: &&String| {
        named.iter().any(|(other, _)| kind(other) == kind(id)) && named.iter().all(|(other, _)| other != *id)
    };
    known.keys().filter(is_left_out).cloned().collect()
}

/// The contacts that a message names, by their id; one without a record is to be deleted.
pub(super) fn contacts(message: &Message<'_>, patient: &Patient) -> Vec<(String, Option<RelatedPerson>)> {
    let mut found: Vec<(String, Option<RelatedPerson>)> = Vec::new();
    for segment in message.segments() {
        let (kind, name, relation, phone) = if segment.is("NK1") {
            ("nk1", 2, 3, 5)
        } else if segment.is("GT1") {
            ("gt1", 3, 11, 6)
        } else {
            continue;
        };
        let prefix = format!("{}/{kind}/", patient.patient_id);
        let place = found.iter().filter(|(id, _)| id.starts_with(&prefix)).count() + 1;
        let id = prefix + &segment.field(1).value().unwrap_or_else(|| place.to_string());
        if segment.field(name).is_deleted() {
            found.push((id, None));
            continue;
        }
        let Some(name) = fields::name(segment.field(name)) else { continue };
        let is_self = name.given == patient.given_name && name.family == patient.family_name;
        if (name.given.is_none() && name.family.is_none()) || is_self {
            continue;
        }
        let mrn = || fields::typed_id(segment.field(33)).or_else(|| fields::typed_id(segment.field(12)));
        let person = RelatedPerson {
            related_person_id: Some(id.clone()),
            patient_id: patient.patient_id.clone(),
            relation: fields::meaning(segment.field(relation)),
            given_name: name.given,
            family_name: name.family,
            phone: fields::phone(segment.field(phone)),
            related_patient_id: if kind == "nk1" { mrn() } else { None },
            recorded: Recorded::default(),
        };
        found.push((id, Some(person)));
    }
    found
}
