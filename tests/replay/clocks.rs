//! "Now", what is known by then, and the instants that a handoff carries.

use super::{Hospital, SATURDAY, instant, job, run, run_job, sample, sample_week};

#[test]
fn what_is_marked_on_a_saturday_is_detected_on_the_monday() {
    let handoffs = sample_week().lines("handoffs.ndjson");
    assert!(!handoffs.is_empty());
    for handoff in handoffs {
        let detected = &handoff["detected"];
        assert_eq!(detected["at"], "2026-06-13T20:00:00.000000Z");
        assert_eq!(detected["local_date"], "2026-06-13");
        assert_eq!(detected["business_day"], "2026-06-15");
        assert_eq!(detected["basis"], "flagged");
        assert_eq!(handoff["clock_fixed"], true);
        assert_eq!(handoff["run_kind"], "replay");
        assert_eq!(handoff["flagged_at"], handoff["surfaced_at"]);
    }
}

#[test]
fn when_a_log_could_be_reviewed_is_told_or_assumed() {
    for handoff in sample_week().lines("handoffs.ndjson") {
        assert_eq!(handoff["source_available_assumed"], true);
        assert_eq!(handoff["source_available_at"], handoff["recorded_at"], "the sample says when rows were written");
    }
    let (context, log) = (sample("context"), sample("access.csv"));
    let (out, mut told) = job(&context, &[&log], SATURDAY);
    told.available_at = Some(instant("2026-06-08T15:00:00Z"));
    let handoffs = run_job((out, told)).lines("handoffs.ndjson");
    assert!(!handoffs.is_empty());
    for handoff in handoffs {
        assert_eq!(handoff["source_available_at"], "2026-06-08T15:00:00.000000Z");
        assert_eq!(handoff["source_available_assumed"], false);
        assert_ne!(handoff["source_available_at"], handoff["flagged_at"], "clocks never stand in for one another");
    }
}

#[test]
fn accesses_after_now_are_rejects_and_the_rest_is_decided() {
    let as_of = "2026-06-05T07:00:00Z";
    let run = run(&sample("context"), &[&sample("access.csv")], as_of);
    let future = run.summary.rejects.by_reason["future"];
    assert!(future > 0 && run.summary.accesses > 0);
    let quarantine = run.lines("quarantine.ndjson");
    assert_eq!(quarantine.len() as u64, future);
    for reject in &quarantine {
        assert_eq!(reject["reason"], "future");
        assert!(reject["file"].as_str().unwrap().ends_with("access.csv") && reject["line"].as_u64().unwrap() > 1);
        let record: serde_json::Value = serde_json::from_str(reject["record"].as_str().unwrap()).unwrap();
        assert!(instant(record["occurred_at"].as_str().unwrap()) > instant(as_of));
    }
}

#[test]
fn a_log_that_lies_wholly_after_now_is_read_and_all_of_it_is_kept_as_future() {
    let hospital = Hospital::new("", "e1,2026-06-20T17:00:00Z,,u1,p1,view\n");
    let run = hospital.run(SATURDAY);
    assert_eq!((run.summary.accesses, run.summary.rejects.by_reason["future"]), (0, 1));
}

#[test]
fn what_has_not_settled_by_now_is_provisional() {
    let as_of = "2026-06-07T07:00:00Z";
    let settled = instant(as_of).minus(72 * chartsentry::model::time::HOUR);
    let incidents = run(&sample("context"), &[&sample("access.csv")], as_of).lines("incidents.ndjson");
    let first = |incident: &serde_json::Value| instant(incident["occurred_first"].as_str().unwrap());
    let alone = incidents.into_iter().filter(|incident| incident["status"] != "merged");
    let (old, new): (Vec<_>, Vec<_>) = alone.partition(|incident| first(incident) <= settled);
    assert!(!old.is_empty() && !new.is_empty());
    assert!(old.iter().all(|incident| incident["status"] == "open" || incident["status"] == "withdrawn"), "{old:?}");
    assert!(
        new.iter().all(|incident| incident["status"] == "provisional" || incident["status"] == "withdrawn"),
        "{new:?}"
    );
}

/// A look without a reason, and an order that is entered a day later.
const LOOK: &str = "e1,2026-06-01T17:00:00Z,2026-06-01T17:00:05Z,u1,p1,view\n";
const LATE_ORDER: &str = "r1,order,p1,u1,,2026-06-01T16:30:00Z,,2026-06-02T17:00:00Z,u2\n";

#[test]
fn a_record_entered_later_withdraws_and_is_unknown_before() {
    let hospital = Hospital::new(LATE_ORDER, LOOK);
    let before = hospital.run("2026-06-02T16:00:00Z");
    let [incident] = &before.lines("incidents.ndjson")[..] else { panic!("one incident") };
    assert_eq!(incident["status"], "provisional");
    assert_eq!((before.summary.suspicious, before.summary.explained), (1, 0));

    let after = hospital.run(SATURDAY);
    let [later] = &after.lines("incidents.ndjson")[..] else { panic!("it is kept") };
    assert_eq!((&later["incident_id"], &later["status"]), (&incident["incident_id"], &"withdrawn".into()));
    assert_eq!((after.summary.suspicious, after.summary.explained), (0, 1));
    let explained = later["contributions"].as_array().unwrap().iter().any(|one| one["id"] == "explained:direct");
    assert!(explained, "{later}");
}

#[test]
fn a_record_that_the_looker_alone_made_afterwards_explains_nothing() {
    let own = LATE_ORDER.replace(",u2\n", ",u1\n");
    let run = Hospital::new(&own, LOOK).run(SATURDAY);
    assert_eq!(run.lines("incidents.ndjson")[0]["status"], "open");
    let supported = format!("{own}r0,encounter,p1,,Clinic,2026-06-01T10:00:00Z,,2026-06-01T10:00:00Z,u2\n");
    let run = Hospital::new(&supported, LOOK).run(SATURDAY);
    assert_eq!(run.summary.explained, 1, "somebody else's record shows the patient in care");
}

#[test]
fn a_task_that_the_looker_gave_themselves_afterwards_is_no_care() {
    let task = "r1,billing,p1,u1,,2026-06-01T16:30:00Z,,2026-06-02T17:00:00Z,u1\n";
    let visit = "r0,encounter,p1,,Clinic,2026-06-01T10:00:00Z,,2026-06-01T10:00:00Z,u2\n";
    let run = Hospital::new(&format!("{task}{visit}"), LOOK).run(SATURDAY);
    assert_eq!(run.summary.explained_by.get("direct"), None, "{:?}", run.summary.explained_by);
}

#[test]
fn an_access_from_the_future_is_kept_up_to_the_limit_of_the_quarantine() {
    let long = "x".repeat(100_000);
    let hospital = Hospital::new("", "");
    let log = format!(
        "event_id,occurred_at,user_id,patient_id,action,purpose\n\
         e1,2026-06-01T17:00:00Z,u1,p1,view,\ne2,2026-06-20T17:00:00Z,u1,p1,view,{long}\n"
    );
    std::fs::write(hospital.log(), log).unwrap();
    let [reject] = &hospital.run(SATURDAY).lines("quarantine.ndjson")[..] else { panic!("one reject") };
    assert!(reject["record"].as_str().unwrap().len() <= chartsentry::model::reject::Reject::KEPT_BYTES);
}
