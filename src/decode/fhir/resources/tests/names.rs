//! By which names references mean somebody, and by which names somebody is known.

use super::*;
use crate::decode::fhir::with_url;

/// Whom a participant of an encounter is taken for.
fn held(reference: Value) -> Holder {
    let participant = json!([{"individual": reference}]);
    ties(&with(encounter(), json!({ "participant": participant })))[0].holder.clone()
}

/// The ids of the members of a resource.
fn ids(resource: &Value) -> Vec<String> {
    members(resource).into_iter().map(|member| member.user_id).collect()
}

fn in_bundle(resource: Value, url: &str) -> Value {
    with_url(resource, Some(url.to_owned()))
}

#[test]
fn absolute_and_versioned_references_mean_what_relative_ones_mean() {
    for reference in [
        "Practitioner/u1",
        "Practitioner/u1/_history/2",
        "https://x.org/fhir/Practitioner/u1",
        "http://x.org:8080/a/b/Practitioner/u1/_history/2",
    ] {
        assert_eq!(held(json!({ "reference": reference })), user("Practitioner/u1"), "{reference}");
    }
    assert_eq!(held(json!({"reference": "https://x.org/people/u1"})), user("https://x.org/people/u1"));
}

#[test]
fn a_conditional_reference_means_the_number_that_it_looks_for() {
    for query in ["http://x/npi|77", "http%3A%2F%2Fx%2Fnpi%7C77", "77", "http://x/npi|77&_format=json"] {
        let reference = format!("Practitioner?identifier={query}");
        assert_eq!(held(json!({ "reference": reference })), user("77"), "{query}");
    }
}

#[test]
fn a_number_that_a_state_gave_means_nobody_where_there_is_a_reference() {
    let civil = json!({"system": "http://hl7.org/fhir/sid/us-ssn", "value": "000-00-0000"});
    let subject = json!({"reference": "Patient/p1", "identifier": civil});
    assert_eq!(ties(&with(encounter(), json!({ "subject": subject })))[0].patient_id, "Patient/p1");
    let only = json!({ "identifier": civil });
    assert_eq!(ties(&with(encounter(), json!({ "subject": only })))[0].patient_id, "000-00-0000");
}

#[test]
fn a_contained_patient_is_known_by_its_record_number() {
    let inner = with(patient(), json!({"id": "p"}));
    let found = ties(&with(encounter(), json!({"contained": [inner], "subject": {"reference": "#p"}})));
    assert_eq!(found[0].patient_id, "m1");
}

#[test]
fn the_entry_of_a_bundle_gives_its_resource_another_name() {
    let urn = "urn:uuid:3f2504e0-4f89-11d3-9a0c-0305e82c3301";
    let found = patients(&in_bundle(patient(), urn));
    let found: Vec<_> = found.iter().map(|one| (one.patient_id.as_str(), one.merged_into.as_deref())).collect();
    assert_eq!(found, [("m1", None), ("Patient/p1", Some("m1")), (urn, Some("m1"))]);
    let practitioner = json!({"resourceType": "Practitioner", "identifier": [{"value": "u1"}]});
    assert_eq!(ids(&in_bundle(practitioner, urn)), ["u1", urn]);
}

#[test]
fn a_full_url_that_says_the_same_as_the_id_is_no_other_name() {
    assert_eq!(patients(&in_bundle(patient(), "https://x.org/fhir/Patient/p1")).len(), 2);
    let id = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";
    let resource = with(patient(), json!({"id": id}));
    assert_eq!(patients(&in_bundle(resource, &format!("urn:uuid:{id}"))).len(), 3);
}

#[test]
fn a_resource_without_id_is_one_record_in_all_its_versions_where_its_entry_names_it() {
    let key = |start: &str| {
        let mut resource = with(encounter(), json!({"period": {"start": start}}));
        resource.as_object_mut().unwrap().remove("id");
        read(&in_bundle(resource, "urn:uuid:e1")).unwrap().remove(0).key
    };
    assert_eq!(key("2026-06-01"), key("2026-06-02"));
}

#[test]
fn a_practitioner_is_also_known_by_the_national_number() {
    let npi = json!({"system": "http://hl7.org/fhir/sid/us-npi", "value": "77"});
    let employee = json!({"type": {"coding": [{"code": "EI"}]}, "value": "u1"});
    let both = json!({"resourceType": "Practitioner", "id": "x1", "identifier": [npi, employee]});
    assert_eq!(ids(&both), ["u1", "Practitioner/x1", "77"]);
    assert_eq!(ids(&with(both, json!({"identifier": [npi]}))), ["77", "Practitioner/x1"]);
}

#[test]
fn a_patient_that_replaces_another_takes_its_number_over() {
    let link = json!({"link": [{"type": "replaces", "other": {"reference": "https://x.org/Patient/p0"}}]});
    let found = patients(&with(patient(), link));
    let last = found.last().unwrap();
    assert_eq!((last.patient_id.as_str(), last.merged_into.as_deref()), ("Patient/p0", Some("m1")));
    assert_eq!(found[0].merged_into, None);
}

#[test]
fn a_team_does_not_tie_its_patient_to_itself() {
    let team = json!({
        "resourceType": "CareTeam", "id": "t1", "status": "active", "subject": {"reference": "urn:uuid:p1"},
        "participant": [{"member": {"reference": "urn:uuid:p1"}}, {"member": {"reference": "urn:uuid:u1"}}]
    });
    let found = ties(&team);
    assert_eq!(found.iter().map(|tie| tie.holder.clone()).collect::<Vec<_>>(), [user("urn:uuid:u1")]);
}

#[test]
fn a_name_that_stands_in_for_the_name_is_none_and_one_that_is_over_is_a_former_one() {
    let named = |names: Value| patients(&with(patient(), json!({ "name": names }))).remove(0);
    for used in ["temp", "anonymous", "nickname"] {
        assert_eq!(named(json!([{"use": used, "family": "Baby"}])).family_name, None, "{used}");
    }
    let over = json!([{"family": "Reed", "period": {"end": "2020"}}, {"family": "Quill"}]);
    let found = named(over);
    assert_eq!((found.family_name.as_deref(), found.previous_family_names), (Some("Quill"), vec!["Reed".to_owned()]));
    assert_eq!(named(json!([{"use": "maiden", "family": "Reed"}])).family_name.as_deref(), Some("Reed"));
}

#[test]
fn an_address_holds_until_its_end() {
    let street = |end: &str| {
        let address = json!([{"line": ["1 Oak St"], "period": {"end": end}}]);
        patients(&with(patient(), json!({ "address": address })))[0].street.clone()
    };
    assert_eq!(street("2026-05-31"), None);
    assert_eq!(street("2026-07"), Some("1 Oak St".to_owned()));
}

#[test]
fn who_is_not_active_any_more_worked_until_that_was_written() {
    let resource = json!({"resourceType": "Practitioner", "id": "x1", "active": false,
        "meta": {"lastUpdated": "2026-06-01T07:00:00Z"}});
    assert_eq!(members(&resource)[0].ended_on, Some(jiff::civil::date(2026, 6, 1)));
    assert_eq!(members(&with(resource, json!({"active": true})))[0].ended_on, None);
}

#[test]
fn a_practitioner_of_dstu2_says_what_the_person_does() {
    let found = members(&json!({"resourceType": "Practitioner", "id": "x1", "name": {"family": ["Quill"]},
        "practitionerRole": [{"role": {"coding": [{"display": "Nurse"}]}, "location": [{"display": "ICU"}]}]}));
    assert_eq!((found[0].role.as_deref(), found[0].department.as_deref()), (Some("Nurse"), Some("ICU")));
    assert_eq!(found[0].family_name.as_deref(), Some("Quill"));
}
