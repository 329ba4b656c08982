//! The mapping, and what real senders do differently. People and ids are made up.

use serde_json::{Value, json};

use super::*;
use crate::decode::{Collected, owned};
use crate::model::time::Zone;

fn read(record: &Value) -> Result<Vec<AccessEvent<'static>>, Fault> {
    let mut clock = LocalClock::new(Zone::named("America/Los_Angeles").unwrap());
    let mut found = Vec::new();
    accesses(record, &mut clock, &mut |event| found.push(owned(event)))?;
    Ok(found)
}

fn one(record: &Value) -> AccessEvent<'static> {
    let mut found = read(record).unwrap();
    assert_eq!(found.len(), 1);
    found.remove(0)
}

/// A complete R4 event.
fn event() -> Value {
    json!({
        "resourceType": "AuditEvent",
        "id": "ae-1",
        "type": {"system": "http://terminology.hl7.org/CodeSystem/audit-event-type", "code": "rest"},
        "subtype": [{"code": "read"}],
        "action": "R",
        "period": {"start": "2026-06-01T00:00:03.134-07:00"},
        "recorded": "2026-06-01T07:00:05Z",
        "outcome": "0",
        "purposeOfEvent": [{"coding": [{"code": "TREAT"}]}],
        "agent": [
            {"type": {"coding": [{"code": "110153"}]}, "who": {"identifier": {"value": "ehr"}}, "requestor": false,
             "network": {"address": "10.0.0.9", "type": "2"}},
            {"type": {"coding": [{"code": "humanuser"}]}, "requestor": true,
             "who": {"identifier": {"value": "u1"}, "reference": "Practitioner/7"}, "altId": "alt1",
             "name": "Made Up", "location": {"display": "ICU"}, "network": {"address": "ws-12", "type": "1"}}
        ],
        "source": {"observer": {"display": "ehr"}},
        "entity": [
            {"what": {"identifier": {"value": "p1"}}, "type": {"code": "1"}, "role": {"code": "1"}},
            {"what": {"reference": "Observation/9"}, "type": {"code": "2"}, "role": {"code": "4"}},
            {"what": {"reference": "Encounter/e7/_history/2"}, "type": {"code": "2"}}
        ]
    })
}

fn changed(pointer: &str, value: Value) -> Value {
    let mut event = event();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = event.pointer_mut(parent).unwrap();
    match parent {
        Value::Array(list) => list[name.parse::<usize>().unwrap()] = value,
        parent => parent[name] = value,
    }
    event
}

#[test]
fn every_field_comes_from_its_place() {
    let found = serde_json::to_value(one(&event())).unwrap();
    let expected = json!({
        "event_id": "ae-1",
        "occurred_at": "2026-06-01T07:00:03.134000Z",
        "recorded_at": "2026-06-01T07:00:05.000000Z",
        "user_id": "u1",
        "patient_id": "p1",
        "action": "view",
        "resource": "Observation",
        "department": "ICU",
        "workstation": "ws-12",
        "encounter_id": "Encounter/e7",
        "purpose": "TREAT",
        "outcome": "success"
    });
    assert_eq!(found, expected);
}

#[test]
fn the_actors_id_falls_back_in_order() {
    let mut event = event();
    for (member, id) in [
        (Some("/agent/1/who/identifier"), "Practitioner/7"),
        (Some("/agent/1/who/reference"), "alt1"),
        (Some("/agent/1/altId"), "Made Up"),
        (Some("/agent/1/name"), "Shown"),
        (None, "Shown"),
    ] {
        event["agent"][1]["who"]["display"] = json!("Shown");
        if let Some((parent, name)) = member.and_then(|member| member.rsplit_once('/')) {
            event.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(name);
        }
        assert_eq!(one(&event).user_id, id);
    }
}

#[test]
fn a_person_acts_rather_than_a_system_and_a_sender_rather_than_a_receiver() {
    let agent = |id: &str, kind: &str, requestor: bool| json!({"who": {"identifier": {"value": id}}, "type": {"coding": [{"code": kind}]}, "requestor": requestor});
    for (agents, expected) in [
        (json!([agent("app", "110150", true), agent("nurse", "humanuser", true)]), "nurse"),
        (json!([agent("app", "110150", true), agent("nurse", "humanuser", false)]), "app"),
        (json!([agent("app", "110150", false), agent("doc", "IRCP", false)]), "doc"),
        (json!([agent("to", "110152", false), agent("from", "110153", false)]), "from"),
        (json!([agent("org", "PROV", false), agent("doc", "AUT", false)]), "doc"),
        (json!([{"who": {"identifier": {"value": "practice"}}, "requestor": false}]), "practice"),
    ] {
        assert_eq!(one(&changed("/agent", agents)).user_id, expected);
    }
}

#[test]
fn without_an_actor_there_is_no_access() {
    for agents in [Value::Null, json!([]), json!([{"requestor": true, "who": {"identifier": {"value": " "}}}])] {
        assert_eq!(read(&changed("/agent", agents)).unwrap_err().reason, RejectCode::NoActor);
    }
}

#[test]
fn other_resources_are_not_applicable() {
    let fault = read(&json!({"resourceType": "Organization", "id": "o1"})).unwrap_err();
    assert_eq!(fault.reason, RejectCode::NotApplicable);
}

#[test]
fn the_letter_says_the_action_and_codes_refine_it() {
    let action = |letter: &str, kind: &str, subtype: &str| {
        let mut event = changed("/action", json!(letter));
        event["type"]["code"] = json!(kind);
        event["subtype"][0]["code"] = json!(subtype);
        one(&event).action
    };
    for (letter, expected) in
        [("C", Action::Create), ("R", Action::View), ("U", Action::Update), ("D", Action::Delete), ("E", Action::Other)]
    {
        assert_eq!(action(letter, "110100", "poke"), expected);
    }
    for (kind, subtype, expected) in [
        ("rest", "search", Action::Search),
        ("rest", "search-type", Action::Search),
        ("110112", "ITI-9", Action::Search),
        ("110106", "ITI-32", Action::Export),
        ("rest", "print", Action::Print),
        ("110113", "110127", Action::BreakGlass),
        ("110113", "110138", Action::Other),
        ("110114", "110122", Action::Login),
        ("110114", "110123", Action::Logout),
        ("110114", "other", Action::Login),
        ("rest", "vread", Action::View),
        ("rest", "patch", Action::Update),
    ] {
        assert_eq!(action("E", kind, subtype), expected, "{kind} {subtype}");
    }
    assert_eq!(action("R", "110106", "disclose"), Action::Export);
    assert_eq!(one(&changed("/action", Value::Null)).action, Action::View);
}

#[test]
fn outcomes_are_told_apart_by_their_words() {
    let outcome = |code: Value, words: &str| {
        let mut event = changed("/outcome", code);
        event["outcomeDesc"] = json!(words);
        one(&event).outcome
    };
    assert_eq!(outcome(Value::Null, ""), Outcome::Success);
    assert_eq!(outcome(json!("0"), "consent denied before"), Outcome::Success);
    for code in ["4", "8", "12"] {
        assert_eq!(outcome(json!(code), "time-out"), Outcome::Error);
        assert_eq!(outcome(json!(code), "Consent denied access"), Outcome::Denied);
    }
    assert_eq!(outcome(json!(8), ""), Outcome::Error);
    assert_eq!(outcome(json!({"code": {"code": "0"}}), ""), Outcome::Success);
    assert_eq!(outcome(json!({"code": {"code": "error"}}), ""), Outcome::Error);
}

#[test]
fn an_override_carries_its_reason() {
    let mut event = changed("/purposeOfEvent", Value::Null);
    event["agent"][1]["purposeOfUse"] = json!([{"coding": [{"code": "TREAT"}]}, {"coding": [{"code": "BTG"}]}]);
    event["outcomeDesc"] = json!("patient unconscious");
    let found = one(&event);
    assert_eq!((found.purpose.as_deref(), found.action), (Some("BTG"), Action::View));
    assert_eq!(found.break_glass_reason.as_deref(), Some("patient unconscious"));
    assert_eq!(one(&changed("/outcomeDesc", json!("fine"))).break_glass_reason, None);
}

#[test]
fn each_patient_is_an_access_and_none_is_one_too() {
    let mut two = event();
    let patient = |id: &str| json!({"what": {"reference": id}, "role": {"code": "1"}});
    two["entity"].as_array_mut().unwrap().extend([patient("Patient/p2"), patient("Patient/p2/_history/3")]);
    let ids: Vec<_> = read(&two).unwrap().into_iter().map(|event| event.patient_id.unwrap()).collect();
    assert_eq!(ids, ["p1", "Patient/p2"]);
    assert_eq!(one(&changed("/entity", Value::Null)).patient_id, None);
}

#[test]
fn a_person_in_another_role_is_no_patient() {
    let entities = json!([
        {"what": {"identifier": {"value": "u1"}}, "type": {"code": "1"}, "role": {"code": "6"}},
        {"what": {"identifier": {"value": "p9"}}, "type": {"code": "1"}}
    ]);
    assert_eq!(one(&changed("/entity", entities)).patient_id.as_deref(), Some("p9"));
    let by_reference = json!([{"what": {"reference": "https://ehr.example/fhir/Patient/5"}}]);
    assert_eq!(one(&changed("/entity", by_reference)).patient_id.as_deref(), Some("Patient/5"));
}

#[test]
fn the_department_may_stand_with_another_agent_and_an_address_need_not_be_one() {
    let mut event = event();
    event["agent"][1].as_object_mut().unwrap().remove("location");
    event["agent"][1]["network"] = json!({"address": "88.11.333.213", "type": "2"});
    event["agent"][0]["location"] = json!({"display": "Ward 3"});
    event["entity"][0].as_object_mut().unwrap().remove("type");
    let found = one(&event);
    assert_eq!(found.department.as_deref(), Some("Ward 3"));
    assert_eq!((found.source_ip.as_deref(), found.workstation), (Some("88.11.333.213"), None));
    assert_eq!(found.patient_id.as_deref(), Some("p1"));

    event["agent"][1].as_object_mut().unwrap().remove("network");
    assert_eq!(one(&event).source_ip.as_deref(), Some("10.0.0.9"));
}

#[test]
fn people_and_places_may_be_contained() {
    let event = json!({
        "resourceType": "AuditEvent",
        "recorded": "2026-06-01T07:00:05Z",
        "contained": [
            {"resourceType": "Practitioner", "id": "pr", "identifier": [{"value": "hpr-1"}]},
            {"resourceType": "PractitionerRole", "id": "role", "practitioner": {"reference": "#pr"},
             "organization": {"reference": "#org"}},
            {"resourceType": "Organization", "id": "org", "name": "Cardiology"},
            {"resourceType": "Patient", "id": "pat", "identifier": [{"value": "mrn-1"}]},
            {"resourceType": "Encounter", "id": "enc", "identifier": [{"value": "visit-1"}]}
        ],
        "agent": [{"who": {"reference": "#role"}, "requestor": true}],
        "entity": [{"what": {"reference": "#pat"}, "role": {"code": "1"}}, {"what": {"reference": "#enc"}}]
    });
    let found = one(&event);
    assert_eq!(found.user_id, "hpr-1");
    assert_eq!(found.department.as_deref(), Some("Cardiology"));
    assert_eq!((found.patient_id.as_deref(), found.encounter_id.as_deref()), (Some("mrn-1"), Some("visit-1")));
    assert_eq!((found.action, found.outcome, found.event_id.len()), (Action::Other, Outcome::Success, 26));

    let mut silent = event;
    silent["agent"] = json!([{"requestor": true}]);
    silent["entity"] = Value::Null;
    let found = one(&silent);
    assert_eq!((found.user_id.as_ref(), found.patient_id.as_deref()), ("hpr-1", Some("mrn-1")));
}

#[test]
fn the_german_prescription_service_names_the_patient_by_a_number() {
    let mut event =
        changed("/entity", json!([{"what": {"reference": "https://erp.example/Task/160.1"}, "name": "X123456789"}]));
    assert_eq!(one(&event).patient_id, None);
    event["meta"] = json!({"profile": ["https://gematik.de/fhir/erp/StructureDefinition/GEM_ERP_PR_AuditEvent|1.4"]});
    let found = one(&event);
    assert_eq!((found.patient_id.as_deref(), found.resource.as_deref()), (Some("X123456789"), Some("Task")));
}

#[test]
fn the_id_falls_back_to_the_meta_data_then_to_the_request_then_to_a_hash() {
    let mut event = changed("/id", Value::Null);
    event["entity"]
        .as_array_mut()
        .unwrap()
        .push(json!({"what": {"identifier": {"value": "rq-1"}}, "type": {"code": "XrequestId"}}));
    assert_eq!(one(&event).event_id, "rq-1");
    event["meta"] = json!({"source": "urn:ehr", "versionId": "4"});
    assert_eq!(one(&event).event_id, "urn:ehr/4");
    assert_eq!(one(&changed("/id", json!(""))).event_id.len(), 26);
}

#[test]
fn a_time_is_salvaged_where_one_stands() {
    let mut event = changed("/period", Value::Null);
    assert_eq!(one(&event).occurred_at.to_string(), "2026-06-01T07:00:05.000000Z");
    event["recorded"] = Value::Null;
    assert_eq!(read(&event).unwrap_err().reason, RejectCode::MissingField);
    event["recorded"] = json!("soon");
    assert_eq!(read(&event).unwrap_err().reason, RejectCode::InvalidValue);
    event["occurredDateTime"] = json!("2032-01-02");
    assert_eq!(one(&event).occurred_at.to_string(), "2032-01-02T08:00:00.000000Z");
}

#[test]
fn newer_and_older_versions_say_the_same_elsewhere() {
    let r5 = json!({
        "resourceType": "AuditEvent", "id": "r5", "category": [{"coding": [{"code": "110113"}]}],
        "code": {"coding": [{"code": "110127"}]}, "recorded": "2026-06-01T07:00:05Z",
        "occurredPeriod": {"start": "2026-06-01T07:00:00Z"},
        "outcome": {"code": {"code": "0"}, "detail": [{"text": "no time to ask"}]},
        "authorization": [{"coding": [{"code": "ETREAT"}]}],
        "patient": {"reference": "Patient/p1"}, "encounter": {"identifier": {"value": "v1"}},
        "agent": [{"who": {"reference": "Practitioner/u1"}, "requestor": true, "networkString": "10.0.0.1"}]
    });
    let found = one(&r5);
    assert_eq!((found.action, found.purpose.as_deref()), (Action::BreakGlass, Some("ETREAT")));
    assert_eq!(found.break_glass_reason.as_deref(), Some("no time to ask"));
    assert_eq!((found.patient_id.as_deref(), found.encounter_id.as_deref()), (Some("Patient/p1"), Some("v1")));
    assert_eq!(found.source_ip.as_deref(), Some("10.0.0.1"));
    assert_eq!(found.occurred_at.to_string(), "2026-06-01T07:00:00.000000Z");

    let stu3 = json!({
        "resourceType": "AuditEvent", "type": {"code": "rest"}, "action": "R", "recorded": "2026-06-01T07:00:05Z",
        "agent": [{"userId": {"value": "u1"}, "requestor": true}],
        "entity": [{"identifier": {"value": "p1"}, "role": {"code": "1"}}]
    });
    let dstu2 = json!({
        "resourceType": "AuditEvent",
        "event": {"type": {"code": "rest"}, "action": "R", "dateTime": "2026-06-01T07:00:05Z", "outcome": "0"},
        "participant": [{"userId": {"value": "u1"}, "requestor": true}],
        "object": [{"identifier": {"value": "p1"}, "role": {"code": "1"}}]
    });
    for old in [stu3, dstu2] {
        let found = one(&old);
        assert_eq!((found.user_id.as_ref(), found.patient_id.as_deref()), ("u1", Some("p1")));
        assert_eq!(
            (found.action, found.occurred_at.to_string().as_str()),
            (Action::View, "2026-06-01T07:00:05.000000Z")
        );
    }
}

#[test]
fn a_message_may_be_an_event_or_a_bundle_of_them() {
    use crate::decode::{At, Decoder};
    use crate::model::reject::Place;

    let place = Place::Kafka { topic: "ehr.audit".into(), partition: 0, offset: 7 };
    let mut decoder = Decoder::new(Zone::named("America/Los_Angeles").unwrap());
    let mut found = Collected::default();
    let bundle = json!({"resourceType": "Bundle", "entry": [
        {"resource": event()}, {"resource": {"resourceType": "Patient"}}, {"request": {}}
    ]});
    for message in [event().to_string(), bundle.to_string(), "{\"resourceType\":\"AuditEvent\"".to_owned()] {
        decoder.access_message(message.as_bytes(), At { place: &place, line: 7 }, &mut found);
    }
    assert_eq!(found.accesses.len(), 2);
    let reasons: Vec<_> = found.rejects.iter().map(|reject| reject.reason).collect();
    assert_eq!(reasons, [RejectCode::NotApplicable, RejectCode::NotApplicable, RejectCode::InvalidJson]);
    assert_eq!(found.rejects[0].place, place);
    assert_eq!(decoder.counters().records, 5);
}

#[test]
fn senders_write_single_objects_numbers_and_codes_in_their_own_ways() {
    let event = crate::decode::fhir::spelt(json!({
        "resourceType": "AuditEvent", "recorded": "2026-06-01T07:00Z", "action": "read",
        "agent": {"who": {"identifier": {"value": 77}}, "requestor": "true", "networkUri": "urn:ipv6:2001:db8::1"},
        "entity": {"what": {"identifier": {"value": "9^^^&1.2&ISO"}}, "role": {"code": 1}},
        "outcome": {"code": {"code": "Success"}}
    }));
    let read = one(&event);
    assert_eq!((read.user_id.as_ref(), read.patient_id.as_deref(), read.action), ("77", Some("9"), Action::View));
    assert_eq!((read.source_ip.as_deref(), read.outcome), (Some("2001:db8::1"), Outcome::Success));
}

#[test]
fn the_patient_who_is_named_twice_is_one() {
    let mut event = event();
    event["patient"] = json!({"reference": "Patient/p1"});
    event["entity"] = json!([{"what": {"identifier": {"value": "m1"}}, "role": {"code": "1"}}]);
    assert_eq!(one(&event).patient_id.as_deref(), Some("Patient/p1"));
}

#[test]
fn the_swiss_trail_says_what_was_done_in_its_subtype() {
    let mut event = event();
    event["type"] = json!({"code": "110106"});
    event["subtype"] = json!([{"code": "ATC_DOC_READ"}]);
    assert_eq!(one(&event).action, Action::View);
    event["subtype"] = json!([{"code": "ITI-43"}]);
    assert_eq!(one(&event).action, Action::View);
    event["subtype"] = json!([{"code": "disclose"}]);
    assert_eq!(one(&event).action, Action::Export);
}
