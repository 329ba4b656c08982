//! Context records as messages: the JSON that a context topic carries and `inspect` prints.

use serde_json::{Map, Value, json};

use super::Table;
use crate::model::context::{
    ContextRecord, FeedStatus, Holder, Patient, Recorded, RelatedPerson, Relationship, Shift, WorkforceMember,
};
use crate::model::time::Timestamp;

/// A record under the names of its table's columns; what is missing is left out.
#[must_use]
pub fn message(record: &ContextRecord) -> Value {
    let (table, fields, recorded) = match record {
        ContextRecord::Workforce(member) => (Table::Workforce, workforce(member), member.recorded),
        ContextRecord::Patient(patient) => (Table::Patients, self::patient(patient), patient.recorded),
        ContextRecord::RelatedPerson(person) => (Table::RelatedPersons, related(person), person.recorded),
        ContextRecord::Relationship(found) => (Table::Relationships, relationship(found), found.recorded),
        ContextRecord::Shift(found) => (Table::Shifts, shift(found), found.recorded),
        ContextRecord::FeedStatus(found) => (Table::FeedStatus, status(found), found.recorded),
    };
    let mut message = Map::new();
    message.insert("type".to_owned(), table.type_name().into());
    let Recorded { at, withdrawn_at } = recorded;
    let times = json!({ "recorded_at": instant(at), "withdrawn_at": instant(withdrawn_at) });
    for members in [fields, times] {
        let Value::Object(members) = members else { continue };
        let is_said = |value: &Value| !(value.is_null() || *value == Value::Bool(false) || *value == json!([]));
        message
            .extend(members.into_iter().filter(|(_, value)| is_said(value)).map(|(name, value)| (name, joined(value))));
    }
    Value::Object(message)
}

/// Several values in one cell stand with `|` between them.
fn joined(value: Value) -> Value {
    let Value::Array(values) = &value else { return value };
    values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("|").into()
}

fn instant(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

fn workforce(member: &WorkforceMember) -> Value {
    json!({
        "user_id": member.user_id,
        "given_name": member.given_name,
        "family_name": member.family_name,
        "previous_family_names": member.previous_family_names,
        "role": member.role,
        "department": member.department,
        "manager_id": member.manager_id,
        "patient_id": member.patient_id,
        "street": member.street,
        "city": member.city,
        "postal_code": member.postal_code,
        "phone": member.phone,
        "birth_date": member.birth_date.map(|date| date.to_string()),
        "hired_on": member.hired_on.map(|date| date.to_string()),
        "ended_on": member.ended_on.map(|date| date.to_string()),
    })
}

fn patient(patient: &Patient) -> Value {
    json!({
        "patient_id": patient.patient_id,
        "given_name": patient.given_name,
        "family_name": patient.family_name,
        "previous_family_names": patient.previous_family_names,
        "birth_date": patient.birth_date.map(|date| date.to_string()),
        "street": patient.street,
        "city": patient.city,
        "postal_code": patient.postal_code,
        "phone": patient.phone,
        "is_vip": patient.is_vip,
        "is_restricted": patient.is_restricted,
        "is_decoy": patient.is_decoy,
        "deceased_on": patient.deceased_on.map(|date| date.to_string()),
        "merged_into": patient.merged_into,
    })
}

fn related(person: &RelatedPerson) -> Value {
    json!({
        "related_person_id": person.related_person_id,
        "patient_id": person.patient_id,
        "relation": person.relation,
        "given_name": person.given_name,
        "family_name": person.family_name,
        "phone": person.phone,
        "related_patient_id": person.related_patient_id,
    })
}

fn relationship(found: &Relationship) -> Value {
    let (user, department) = match &found.holder {
        Holder::User(user) => (Some(user), None),
        Holder::Department(department) => (None, Some(department)),
    };
    json!({
        "relationship_id": found.relationship_id,
        "kind": found.kind.name(),
        "patient_id": found.patient_id,
        "user_id": user,
        "department": department,
        "starts_at": found.starts_at.to_string(),
        "ends_at": instant(found.ends_at),
        "recorded_by": found.recorded_by,
        "encounter_id": found.encounter_id,
    })
}

fn shift(found: &Shift) -> Value {
    json!({
        "shift_id": found.shift_id,
        "user_id": found.user_id,
        "department": found.department,
        "starts_at": found.starts_at.to_string(),
        "ends_at": found.ends_at.to_string(),
    })
}

fn status(found: &FeedStatus) -> Value {
    json!({
        "feed": found.feed,
        "department": found.department,
        "status": if found.is_up { "up" } else { "down" },
        "starts_at": found.starts_at.to_string(),
        "ends_at": instant(found.ends_at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::context::ndjson;
    use crate::decode::time::LocalClock;
    use crate::model::time::Zone;

    #[test]
    fn what_is_written_reads_back() {
        let texts = [
            r#"{"type":"workforce","user_id":"u1","previous_family_names":"Quill|Berg","hired_on":"2020-01-02"}"#,
            r#"{"type":"patient","patient_id":"p1","is_vip":"yes","merged_into":"p2","birth_date":"1990-01-02"}"#,
            r#"{"type":"related_person","patient_id":"p1","relation":"mother"}"#,
            r#"{"type":"relationship","relationship_id":"r1","kind":"order","patient_id":"p1","user_id":"u1",
                "starts_at":"2026-06-01T00:00:00Z","recorded_at":"2026-06-02T00:00:00Z"}"#,
            r#"{"type":"shift","user_id":"u1","department":"d","starts_at":"2026-06-01T00:00:00Z","ends_at":"2026-06-01T08:00:00Z"}"#,
            r#"{"type":"feed_status","status":"down","starts_at":"2026-06-01T00:00:00Z"}"#,
        ];
        let mut clock = LocalClock::new(Zone::named("UTC").unwrap());
        let mut read = |text: &str| {
            let (table, flat) = ndjson::read(text, None).unwrap();
            flat.record(table, &mut clock).unwrap()
        };
        for text in texts {
            let record = read(text);
            let written = message(&record).to_string();
            assert_eq!(read(&written), record, "{written}");
        }
    }
}
