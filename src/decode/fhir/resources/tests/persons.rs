//! Who is who.

use super::*;
use crate::decode::fhir::resources::source::nobody;

#[test]
fn a_patient_is_known_by_its_record_number_and_merged_into_it_by_its_fhir_id() {
    let found = patients(&patient());
    let ids: Vec<_> = found.iter().map(|one| (one.patient_id.as_str(), one.merged_into.as_deref())).collect();
    assert_eq!(ids, [("m1", None), ("Patient/p1", Some("m1"))]);
    assert_eq!(found[1].family_name.as_deref(), Some("Quill"));
}

#[test]
fn an_id_that_is_a_uuid_is_also_a_urn() {
    let id = "3f2504e0-4f89-11d3-9a0c-0305e82c3301";
    let found = patients(&with(patient(), json!({"id": id})));
    assert_eq!(found[2].patient_id, format!("urn:uuid:{id}"));
    assert_eq!(found[2].merged_into.as_deref(), Some("m1"));
}

#[test]
fn without_a_number_of_its_own_a_patient_has_its_fhir_id_and_no_alias() {
    let civil = json!({"identifier": [{"type": {"coding": [{"code": "SS"}]}, "value": "1"}]});
    let found = patients(&with(patient(), civil));
    assert_eq!(found.iter().map(|one| one.patient_id.as_str()).collect::<Vec<_>>(), ["Patient/p1"]);
    let nobody = read(&json!({"resourceType": "Patient", "name": [{"family": "Quill"}]}));
    assert_eq!(nobody.unwrap_err(), Fault::missing("identifier"));
}

#[test]
fn the_official_number_wins_over_the_first_where_none_is_a_record_number() {
    let official = json!({"identifier": [{"value": "a"}, {"use": "official", "value": 17}]});
    assert_eq!(patients(&with(patient(), official))[0].patient_id, "17");
    let first = json!({"identifier": {"system": "urn:x", "value": "a"}});
    assert_eq!(patients(&with(patient(), first))[0].patient_id, "a");
}

#[test]
fn demographics_are_those_that_hold_at_home_today() {
    let found = patients(&patient()).remove(0);
    assert_eq!((found.given_name.as_deref(), found.family_name.as_deref()), (Some("Ann"), Some("Quill")));
    assert_eq!(found.previous_family_names, ["Reed"]);
    assert_eq!(found.birth_date, Some(jiff::civil::date(1980, 2, 29)));
    assert_eq!((found.street.as_deref(), found.city.as_deref()), (Some("1 Oak St"), Some("Fort Bragg")));
    assert_eq!((found.postal_code.as_deref(), found.phone.as_deref()), (Some("95437"), Some("555-0100")));
    assert_eq!(found.recorded.at, Some(at("2026-06-01T07:00:00Z")));
    assert!(!found.is_vip && !found.is_restricted && found.deceased_on.is_none());
}

#[test]
fn a_name_that_is_only_text_is_taken_apart() {
    for text in ["Dr. Ann Quill, MD", "Quill, Ann", "Mrs Ann B. Quill"] {
        let found = patients(&with(patient(), json!({"name": [{"text": text}]}))).remove(0);
        assert_eq!((found.given_name.as_deref(), found.family_name.as_deref()), (Some("Ann"), Some("Quill")), "{text}");
    }
}

#[test]
fn security_labels_restrict_and_tags_make_a_vip() {
    let labels = |meta: Value| {
        let found = patients(&with(patient(), json!({ "meta": meta }))).remove(0);
        (found.is_restricted, found.is_vip)
    };
    let confidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
    assert_eq!(labels(json!({"security": [{"system": confidentiality, "code": "R"}]})), (true, false));
    assert_eq!(labels(json!({"security": [{"system": confidentiality, "code": "N"}]})), (false, false));
    assert_eq!(labels(json!({"security": [{"system": "urn:x", "code": "R"}]})), (false, false));
    assert_eq!(labels(json!({"tag": [{"code": "VIP"}]})), (false, true));
    let extended = |value: bool| json!({"extension": [{"url": "http://x/patient-vip", "valueBoolean": value}]});
    assert!(patients(&with(patient(), extended(true)))[0].is_vip);
    assert!(!patients(&with(patient(), extended(false)))[0].is_vip);
}

#[test]
fn a_death_is_dated_by_its_last_possible_day() {
    let died = |changes: Value| patients(&with(patient(), changes))[0].deceased_on;
    assert_eq!(died(json!({"deceasedDateTime": "2026-02"})), Some(jiff::civil::date(2026, 2, 28)));
    let instant = died(json!({"deceasedDateTime": "2026-02-03T04:05:06+10:00"}));
    assert_eq!(instant, Some(jiff::civil::date(2026, 2, 3)));
    assert_eq!(died(json!({"deceasedBoolean": true})), Some(jiff::civil::date(2026, 6, 1)));
    assert_eq!(died(json!({"deceasedBoolean": false})), None);
}

#[test]
fn a_replaced_patient_is_merged_into_the_other_and_one_to_see_also_is_not() {
    let linked = |kind: &str| {
        let link = json!({"link": [{"type": kind, "other": {"reference": "Patient/p2"}}]});
        patients(&with(patient(), link))[0].merged_into.clone()
    };
    assert_eq!(linked("replaced-by").as_deref(), Some("Patient/p2"));
    assert_eq!(linked("seealso"), None);
}

#[test]
fn contacts_of_a_patient_are_related_persons_unless_they_are_organizations() {
    let contacts = json!({"contact": [
        {"organization": {"display": "Works"}},
        {"relationship": [{"coding": [{"code": "WIFE"}]}], "name": {"text": "Ben Quill"},
            "telecom": [{"system": "phone", "value": "555-0101"}]}
    ]});
    let found = people(&with(patient(), contacts));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].patient_id.as_str(), found[0].relation.as_deref()), ("m1", Some("WIFE")));
    assert_eq!((found[0].family_name.as_deref(), found[0].phone.as_deref()), (Some("Quill"), Some("555-0101")));
    assert_eq!(found[0].related_person_id.as_deref(), Some("fhir/Patient/p1/contact/1"));
}

#[test]
fn a_general_practitioner_is_an_open_care_team() {
    let found = ties(&with(patient(), json!({"generalPractitioner": [{"reference": "Practitioner/u1"}]})));
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].ends_at), (RelationshipKind::CareTeam, None));
    assert_eq!((found[0].patient_id.as_str(), &found[0].holder), ("m1", &user("Practitioner/u1")));
}

#[test]
fn a_related_person_names_its_patient_and_its_own_record_number() {
    let resource = json!({
        "resourceType": "RelatedPerson", "id": "r1", "patient": {"reference": "Patient/p1"},
        "relationship": {"text": "brother"}, "name": [{"family": "Quill"}],
        "identifier": [{"value": "x"}, {"type": {"coding": [{"code": "MR"}]}, "value": "m2"}]
    });
    let found = people(&resource).remove(0);
    assert_eq!((found.patient_id.as_str(), found.relation.as_deref()), ("Patient/p1", Some("brother")));
    assert_eq!(found.related_patient_id.as_deref(), Some("m2"));
    assert_eq!(read(&with(resource, json!({"patient": null}))).unwrap_err(), nobody("patient"));
}

#[test]
fn a_practitioner_is_a_member_under_each_name_that_others_use() {
    let found = members(&json!({
        "resourceType": "Practitioner", "id": "x1", "name": [{"family": "Quill", "given": ["Ann"]}],
        "identifier": [{"value": "npi"}, {"type": {"coding": [{"code": "EI"}]}, "value": "u1"}],
        "telecom": [{"system": "phone", "use": "work", "value": "555-0199"}]
    }));
    assert_eq!(found.iter().map(|one| one.user_id.as_str()).collect::<Vec<_>>(), ["u1", "Practitioner/x1"]);
    assert!(found.iter().all(|one| one.family_name.as_deref() == Some("Quill") && one.phone.is_none()));
}

fn role() -> Value {
    json!({
        "resourceType": "PractitionerRole", "id": "x1", "period": {"start": "2026-01", "end": "2026-03"},
        "practitioner": {"identifier": {"value": "u1"}, "display": "Dr. Ann Quill"},
        "organization": {"display": "Hospital"}, "location": [{"reference": "Location/1", "display": "ICU"}],
        "code": [{"coding": [{"code": "RP"}]}], "specialty": [{"coding": [{"code": "1", "display": "Nurse"}]}]
    })
}

#[test]
fn a_role_says_what_a_practitioner_does_and_where() {
    let found = members(&role());
    assert_eq!(found.iter().map(|one| one.user_id.as_str()).collect::<Vec<_>>(), ["u1", "PractitionerRole/x1"]);
    assert_eq!((found[0].role.as_deref(), found[0].department.as_deref()), (Some("Nurse"), Some("ICU")));
    assert_eq!((found[0].given_name.as_deref(), found[0].family_name.as_deref()), (Some("Ann"), Some("Quill")));
}

#[test]
fn a_post_that_is_over_is_no_post_and_says_nothing_about_employment() {
    let written = |day: &str| json!({"meta": {"lastUpdated": day}});
    for (changes, has_post) in [
        (written("2026-03-31"), true),
        (written("2026-04-01"), false),
        (json!({"active": false, "meta": {"lastUpdated": "2026-02-01"}}), false),
    ] {
        let found = members(&with(role(), changes.clone())).remove(0);
        assert_eq!((found.department.is_some(), found.role.is_some()), (has_post, has_post), "{changes}");
        assert_eq!((found.hired_on, found.ended_on), (None, None), "{changes}");
        assert_eq!(found.family_name.as_deref(), Some("Quill"));
    }
}

#[test]
fn a_contained_practitioner_is_known_by_its_identifier_and_name() {
    let found = members(&json!({
        "resourceType": "PractitionerRole", "practitioner": {"reference": "#a"},
        "contained": [{"resourceType": "Practitioner", "id": "a", "identifier": [{"value": "u1"}],
            "name": [{"family": "Quill"}]}]
    }));
    assert_eq!((found[0].user_id.as_str(), found[0].family_name.as_deref()), ("u1", Some("Quill")));
}
