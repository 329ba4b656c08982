mod names;
mod persons;
mod relations;

use serde_json::{Value, json};

use super::*;
use crate::model::context::{
    ContextRecord, Holder, Patient, RelatedPerson, Relationship, RelationshipKind, WorkforceMember,
};
use crate::model::time::{Timestamp, Zone};

pub(super) fn read(resource: &Value) -> Result<Vec<ContextUpdate>, Fault> {
    updates(resource, &mut LocalClock::new(Zone::named("America/Los_Angeles").unwrap()))
}

fn records(resource: &Value) -> Vec<ContextRecord> {
    read(resource).unwrap().into_iter().filter_map(|update| update.record).collect()
}

fn ties(resource: &Value) -> Vec<Relationship> {
    let tie = |record| if let ContextRecord::Relationship(tie) = record { Some(tie) } else { None };
    records(resource).into_iter().filter_map(tie).collect()
}

fn patients(resource: &Value) -> Vec<Patient> {
    let patient = |record| if let ContextRecord::Patient(patient) = record { Some(patient) } else { None };
    records(resource).into_iter().filter_map(patient).collect()
}

fn members(resource: &Value) -> Vec<WorkforceMember> {
    let member = |record| if let ContextRecord::Workforce(member) = record { Some(member) } else { None };
    records(resource).into_iter().filter_map(member).collect()
}

fn people(resource: &Value) -> Vec<RelatedPerson> {
    let person = |record| if let ContextRecord::RelatedPerson(person) = record { Some(person) } else { None };
    records(resource).into_iter().filter_map(person).collect()
}

pub(super) fn at(text: &str) -> Timestamp {
    LocalClock::new(Zone::utc()).instant(text).unwrap()
}

pub(super) fn user(id: &str) -> Holder {
    Holder::User(id.to_owned())
}

fn department(name: &str) -> Holder {
    Holder::Department(name.to_owned())
}

/// `base` with some members in the place of its own.
fn with(mut base: Value, changes: Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        base[name.as_str()] = value.clone();
    }
    base
}

fn patient() -> Value {
    json!({
        "resourceType": "Patient", "id": "p1", "meta": {"lastUpdated": "2026-06-01T07:00:00Z"},
        "identifier": [
            {"type": {"coding": [{"code": "SS"}]}, "use": "official", "value": "000-00-0000"},
            {"value": "other"},
            {"type": {"coding": [{"code": "MR"}]}, "value": "m1"}
        ],
        "name": [{"use": "maiden", "family": "Reed"}, {"use": "official", "family": "Quill", "given": ["Ann", "B"]}],
        "birthDate": "1980-02-29",
        "address": [{"use": "work", "line": ["9 Mill Rd"]},
            {"line": ["1 Oak St", "Apt 2"], "city": "Fort Bragg", "postalCode": "95437"}],
        "telecom": [{"system": "email", "value": "a@example.org"}, {"system": "phone", "value": "tel:555-0100"}]
    })
}

fn encounter() -> Value {
    json!({
        "resourceType": "Encounter", "id": "e1", "status": "in-progress", "identifier": {"value": "v1"},
        "subject": {"reference": "Patient/p1"}, "period": {"start": "2026-06-01T07:00:00Z"},
        "participant": [{"individual": {"reference": "Practitioner/u1/_history/2"}}]
    })
}

fn appointment() -> Value {
    json!({
        "resourceType": "Appointment", "id": "a1", "status": "booked",
        "start": "2026-06-01T07:00:00Z", "end": "2026-06-01T08:00:00Z",
        "participant": [{"actor": {"reference": "Patient/p1"}}, {"actor": {"reference": "Practitioner/u1"}},
            {"actor": {"reference": "Location/l1", "display": "Clinic"}}, {"actor": {"display": "Phone call"}}]
    })
}

fn request() -> Value {
    json!({
        "resourceType": "ServiceRequest", "id": "s1", "status": "active", "subject": {"reference": "Patient/p1"},
        "requester": {"reference": "Practitioner/u1"}, "performer": [{"display": "Lab", "type": "Organization"}],
        "authoredOn": "2026-06-01", "occurrenceDateTime": "2026-07-01T07:00:00Z"
    })
}

#[test]
fn a_resource_without_id_is_known_by_what_it_says() {
    let key = |start: &str| {
        let mut resource = with(encounter(), json!({"period": {"start": start}}));
        resource.as_object_mut().unwrap().remove("id");
        read(&resource).unwrap().remove(0).key
    };
    assert_eq!(key("2026-06-01"), key("2026-06-01"));
    assert_ne!(key("2026-06-01"), key("2026-06-02"));
}

#[test]
fn other_resources_are_not_applicable() {
    let fault = read(&json!({"resourceType": "Observation", "id": "o1"})).unwrap_err();
    assert_eq!(fault.reason, RejectCode::NotApplicable);
    assert!(is_context("CareTeam") && !is_context("Observation") && !is_context("AuditEvent"));
}
