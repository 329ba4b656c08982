//! Who cares for whom, and when.

use super::*;
use crate::decode::fhir::resources::source::{nobody, undated};

#[test]
fn participants_of_an_encounter_hold_it_in_r4_and_in_r5() {
    let r5 = json!({
        "resourceType": "Encounter", "id": "e1", "status": "in-progress", "identifier": [{"value": "v1"}],
        "subject": {"reference": "Patient/p1"}, "actualPeriod": {"start": "2026-06-01T07:00:00Z"},
        "participant": [{"actor": {"reference": "Practitioner/u1", "type": "Practitioner"}},
            {"actor": {"reference": "RelatedPerson/r1"}}]
    });
    for resource in [encounter(), r5] {
        let found = ties(&resource);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].kind, &found[0].holder), (RelationshipKind::Encounter, &user("Practitioner/u1")));
        assert_eq!((found[0].patient_id.as_str(), found[0].encounter_id.as_deref()), ("Patient/p1", Some("v1")));
        assert_eq!((found[0].starts_at, found[0].ends_at), (at("2026-06-01T07:00:00Z"), None));
        assert_eq!(found[0].relationship_id, "fhir/Encounter/e1/participant/0");
    }
}

#[test]
fn each_location_is_held_for_its_own_time() {
    let found = ties(&with(
        encounter(),
        json!({
            "serviceProvider": {"display": "Hospital"}, "participant": null,
            "period": {"start": "2026-06-01T07:00:00Z", "end": "2026-06-02T07:00:00Z"},
            "location": [
                {"location": {"display": "ICU"},
                    "period": {"start": "2026-06-01T08:00:00Z", "end": "2026-06-01T09:00:00Z"}},
                {"location": {"reference": "Location/2"}}
            ]
        }),
    ));
    let spans: Vec<_> = found.iter().map(|tie| (tie.holder.clone(), tie.starts_at, tie.ends_at.unwrap())).collect();
    assert_eq!(
        spans,
        [
            (department("ICU"), at("2026-06-01T08:00:00Z"), at("2026-06-01T09:00:00Z")),
            (department("Location/2"), at("2026-06-01T07:00:00Z"), at("2026-06-02T07:00:00Z")),
        ]
    );
}

#[test]
fn the_provider_stands_in_where_no_location_is_known() {
    let found = ties(&with(encounter(), json!({"serviceProvider": {"display": "Hospital"}})));
    assert_eq!(found[0].holder, department("Hospital"));
    assert_eq!(found[1].holder, user("Practitioner/u1"));
}

#[test]
fn an_encounter_without_period_starts_with_its_parts_or_not_at_all() {
    let bare = with(encounter(), json!({"period": null}));
    assert_eq!(read(&bare).unwrap_err(), undated("period"));
    assert_eq!(read(&with(bare.clone(), json!({"participant": []}))).unwrap_err(), undated("period"));
    let part = json!({"participant": {"individual": {"reference": "Practitioner/u1"},
        "period": {"start": "2026-06-01T07:00:00Z"}}});
    assert_eq!(ties(&with(bare.clone(), part)).len(), 1);
    let planned = with(bare, json!({"plannedStartDate": "2026-06-03T07:00:00Z"}));
    assert_eq!(ties(&planned)[0].starts_at, at("2026-06-03T07:00:00Z"));
}

#[test]
fn an_encounter_that_names_nobody_is_not_applicable() {
    let fault = read(&with(encounter(), json!({"participant": []}))).unwrap_err();
    assert_eq!(fault.reason, RejectCode::NotApplicable);
}

#[test]
fn a_finished_encounter_without_end_ended_when_that_was_written() {
    let finished = |meta: Value| ties(&with(encounter(), json!({"status": "Finished", "meta": meta})))[0].ends_at;
    assert_eq!(finished(json!({"lastUpdated": "2026-06-02T07:00:00Z"})), Some(at("2026-06-02T07:00:00Z")));
    assert_eq!(finished(json!({})), Some(at("2026-06-01T07:00:00Z")));
}

#[test]
fn days_are_whole_in_the_facilitys_zone_and_the_year_9999_is_no_end() {
    let period = |period: Value| {
        let tie = ties(&with(encounter(), json!({ "period": period }))).remove(0);
        (tie.starts_at, tie.ends_at)
    };
    let (start, end) = period(json!({"start": "2026-06-01", "end": "2026-06-02"}));
    assert_eq!((start, end), (at("2026-06-01T07:00:00Z"), Some(at("2026-06-03T07:00:00Z"))));
    assert_eq!(period(json!({"start": "2026", "end": "2026-01"})).1, Some(at("2026-02-01T08:00:00Z")));
    assert_eq!(period(json!({"start": "2026-06-01T07:00Z", "end": "9999-12-31"})), (at("2026-06-01T07:00:00Z"), None));
}

#[test]
fn a_period_that_cannot_be_read_or_runs_backwards_is_refused() {
    let refused = |period: Value| read(&with(encounter(), json!({ "period": period }))).unwrap_err();
    assert_eq!(refused(json!({"start": "yesterday"})).reason, RejectCode::InvalidValue);
    let reversed = refused(json!({"start": "2026-06-02", "end": "2026-05-01"}));
    assert_eq!(reversed.sentence, "a period ends before it starts");
}

#[test]
fn a_cancelled_encounter_takes_back_what_it_said() {
    let meta = json!({"lastUpdated": "2026-06-02T07:00:00Z"});
    let found = read(&with(encounter(), json!({"status": "cancelled", "meta": meta}))).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].key, read(&encounter()).unwrap()[0].key);
    assert!(found[0].record.is_none());
    assert_eq!(found[0].withdrawn_at, at("2026-06-02T07:00:00Z"));
}

#[test]
fn what_was_entered_in_error_and_emptied_takes_back_the_first_of_each_kind() {
    let found = read(&json!({"resourceType": "Encounter", "id": "e1", "status": "entered-in-error"})).unwrap();
    let keys: Vec<_> = found.iter().map(|update| update.key.as_str()).collect();
    assert!(keys.contains(&"fhir/Encounter/e1/participant/0") && keys.contains(&"fhir/Encounter/e1/location/0"));
    assert!(found.iter().all(|update| update.record.is_none() && update.withdrawn_at == Timestamp::MIN));
}

#[test]
fn references_mean_what_they_mean_in_an_audit_event() {
    let held = |reference: Value| {
        let participant = json!([{"individual": reference}]);
        ties(&with(encounter(), json!({ "participant": participant })))[0].holder.clone()
    };
    assert_eq!(held(json!({"identifier": {"value": 7}, "reference": "Practitioner/u1"})), user("7"));
    assert_eq!(held(json!({"reference": "urn:uuid:u1"})), user("urn:uuid:u1"));
    assert_eq!(held(json!({"reference": "https://x.org/Practitioner/u1"})), user("Practitioner/u1"));
    assert_eq!(held(json!({"reference": "Practitioner?identifier=http://x/npi|u1"})), user("u1"));
    assert_eq!(held(json!({"display": "Ann Quill"})), user("Ann Quill"));
}

#[test]
fn a_contained_location_is_called_by_its_name() {
    let found = ties(&with(
        encounter(),
        json!({
            "contained": [{"resourceType": "Location", "id": "l", "name": "Home"}],
            "location": [{"location": {"reference": "#l"}}]
        }),
    ));
    assert_eq!(found[0].holder, department("Home"));
}

#[test]
fn an_episode_ties_its_manager_and_its_team() {
    let found = ties(&json!({
        "resourceType": "EpisodeOfCare", "id": "c1", "status": "active", "patient": {"reference": "Patient/p1"},
        "period": {"start": "2026-06-01"}, "careManager": {"reference": "Practitioner/u1"},
        "team": [{"reference": "CareTeam/t1", "display": "Stroke team"}]
    }));
    assert_eq!(
        found.iter().map(|tie| tie.holder.clone()).collect::<Vec<_>>(),
        [user("Practitioner/u1"), department("Stroke team")]
    );
    assert!(found.iter().all(|tie| tie.kind == RelationshipKind::CareTeam));
}

#[test]
fn a_care_team_is_open_where_it_has_no_period() {
    let team = json!({
        "resourceType": "CareTeam", "id": "t1", "status": "active", "subject": {"reference": "Patient/p1"},
        "participant": [{"member": {"reference": "Patient/p1"}},
            {"member": {"reference": "Practitioner/u1"}, "period": {"end": "2026-06-01T07:00:00Z"}},
            {"member": {"reference": "Practitioner/u2"}}]
    });
    let found = ties(&team);
    assert_eq!(found.iter().map(|tie| tie.ends_at).collect::<Vec<_>>(), [Some(at("2026-06-01T07:00:00Z")), None]);
    assert_eq!(found[1].holder, user("Practitioner/u2"));
    let of_none = with(team, json!({"subject": null}));
    assert_eq!(read(&of_none).unwrap_err(), nobody("subject"));
}

#[test]
fn an_appointment_ties_staff_and_places_but_no_phone_call() {
    let found = ties(&appointment());
    assert_eq!(
        found.iter().map(|tie| tie.holder.clone()).collect::<Vec<_>>(),
        [user("Practitioner/u1"), department("Clinic")]
    );
    assert_eq!((found[0].patient_id.as_str(), found[0].ends_at), ("Patient/p1", Some(at("2026-06-01T08:00:00Z"))));
    let actors = json!([{"actor": {"reference": "Practitioner/u1"}}]);
    let r5 = json!({"subject": {"reference": "Patient/p2"}, "participant": actors});
    assert_eq!(ties(&with(appointment(), r5))[0].patient_id, "Patient/p2");
}

#[test]
fn every_patient_of_a_group_appointment_is_tied() {
    let group = json!({"participant": [{"actor": {"reference": "Patient/p1"}}, {"actor": {"reference": "Patient/p2"}},
        {"actor": {"reference": "Practitioner/u1"}}]});
    let found = ties(&with(appointment(), group));
    let ids: Vec<_> = found.iter().map(|tie| (tie.patient_id.as_str(), tie.relationship_id.as_str())).collect();
    let base = "fhir/Appointment/a1/participant/2";
    assert_eq!(ids, [("Patient/p1", base), ("Patient/p2", format!("{base}/1").as_str())]);
}

#[test]
fn a_proposed_appointment_has_its_requested_time() {
    let wish = json!([{"start": "2026-06-01", "end": "2026-06-02"}]);
    let proposed = json!({"start": null, "end": null, "requestedPeriod": wish});
    let found = ties(&with(appointment(), proposed));
    assert_eq!((found[0].starts_at, found[0].ends_at), (at("2026-06-01T07:00:00Z"), Some(at("2026-06-03T07:00:00Z"))));
    let untimed = with(appointment(), json!({"start": null, "end": null}));
    assert_eq!(read(&untimed).unwrap_err(), undated("start"));
}

#[test]
fn an_appointment_without_end_lasts_its_minutes() {
    let found = ties(&with(appointment(), json!({"end": null, "minutesDuration": 15})));
    assert_eq!(found[0].ends_at, Some(at("2026-06-01T07:15:00Z")));
}

#[test]
fn a_cancelled_appointment_is_taken_back_and_a_missed_one_stands() {
    let cancelled = read(&with(appointment(), json!({"status": "cancelled"}))).unwrap();
    assert!(cancelled.iter().all(|update| update.record.is_none()));
    assert!(cancelled.iter().any(|update| update.key == "fhir/Appointment/a1/participant/1"));
    assert_eq!(ties(&with(appointment(), json!({"status": "noshow"}))).len(), 2);
}

#[test]
fn a_declined_participant_is_not_tied() {
    let declined = json!({"subject": {"reference": "Patient/p1"}, "participant": [
        {"actor": {"reference": "Practitioner/u1"}, "status": "declined"},
        {"actor": {"reference": "Practitioner/u2"}, "status": "accepted"}
    ]});
    let found = ties(&with(appointment(), declined));
    assert_eq!(found.iter().map(|tie| tie.holder.clone()).collect::<Vec<_>>(), [user("Practitioner/u2")]);
}

#[test]
fn a_request_ties_who_asks_and_who_is_asked_from_when_it_was_written() {
    let found = ties(&request());
    assert_eq!(
        found.iter().map(|tie| tie.holder.clone()).collect::<Vec<_>>(),
        [user("Practitioner/u1"), department("Lab")]
    );
    assert_eq!((found[0].kind, found[0].starts_at), (RelationshipKind::Order, at("2026-06-01T07:00:00Z")));
    assert_eq!(found[0].ends_at, None);
    let untimed = with(request(), json!({"authoredOn": null, "occurrenceDateTime": null}));
    assert_eq!(read(&untimed).unwrap_err(), undated("authoredOn"));
}

#[test]
fn a_category_tells_consults_and_referrals_from_orders() {
    let kind = |category: Value| ties(&with(request(), json!({ "category": category })))[0].kind;
    assert_eq!(kind(json!([{"coding": [{"code": "11429006"}]}])), RelationshipKind::Consult);
    assert_eq!(kind(json!([{"text": "Referral to service"}])), RelationshipKind::Referral);
    assert_eq!(kind(json!([{"coding": [{"code": "108252007", "display": "Laboratory"}]}])), RelationshipKind::Order);
}

#[test]
fn requests_of_stu3_name_an_agent_and_recipients() {
    let found = ties(&json!({
        "resourceType": "ReferralRequest", "id": "q1", "status": "active", "subject": {"reference": "Patient/p1"},
        "requester": {"agent": {"reference": "Practitioner/u1"}}, "recipient": [{"reference": "Practitioner/u2"}],
        "occurrencePeriod": {"start": "2026-06-01T07:00:00Z", "end": "2026-06-02T07:00:00Z"}
    }));
    assert_eq!(
        found.iter().map(|tie| tie.holder.clone()).collect::<Vec<_>>(),
        [user("Practitioner/u1"), user("Practitioner/u2")]
    );
    assert_eq!(found[0].kind, RelationshipKind::Referral);
    assert_eq!(found[0].ends_at, Some(at("2026-06-02T07:00:00Z")));
}
