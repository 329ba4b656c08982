//! What feeds lack is counted and told, and never held against anybody.

use super::{Hospital, program, stderr};

/// Ten days in which `u2` works from seven to ten every day, but for one day.
fn ten_days(more: &str) -> String {
    let hours = (1..=10).filter(|day| *day != 9).flat_map(|day| (7..22).map(move |hour| (day, hour)));
    let usual = hours.map(|(day, hour)| format!("e{day}-{hour},2026-06-{day:02}T{hour:02}:30:00-07:00,,u2,p2,view\n"));
    format!("{}{more}", usual.collect::<String>())
}

const CARE: &str = "r1,encounter,p2,,Ward,2026-06-01T00:00:00-07:00,,,\n";

#[test]
fn people_and_charts_that_no_record_names_are_counted_and_degrade_the_verdict() {
    let more = "x1,2026-06-10T22:10:00-07:00,,u9,p3,view\nx2,2026-06-10T22:20:00-07:00,,u2,p9999,view\n";
    let run = Hospital::new(CARE, &ten_days(more)).run("2026-06-20T00:00:00Z");
    let summary = &run.summary;
    assert_eq!((summary.unknown_actor.count, &summary.unknown_actor.first[..]), (1, &["u9".to_owned()][..]));
    assert_eq!(summary.unknown_patient.first, ["p9999"]);
    assert_eq!((summary.degraded, summary.unexplained), (2, 2));
    assert!(run.text("report.html").contains("People whom no workforce record names"));
}

#[test]
fn a_person_whom_no_record_names_is_accused_at_medium_at_most() {
    // A decoy chart alone makes an incident: for a known person a grave one.
    let looks = ["u9", "u2"].map(|user| format!("x-{user},2026-06-10T22:10:00-07:00,,{user},d1,view\n"));
    let hospital = Hospital::new(CARE, &ten_days(&looks.concat()));
    let decoys = "patient_id,family_name,is_decoy\np1,Okonkwo,\np2,Byrd,\nd1,Roe,true\n";
    std::fs::write(hospital.context().join("patients.csv"), decoys).unwrap();
    let run = hospital.run("2026-06-20T00:00:00Z");
    let incidents = run.lines("incidents.ndjson");
    let of = |user: &str| incidents.iter().find(|incident| incident["user_id"] == user).unwrap();
    assert_eq!((of("u9")["severity"].as_str(), of("u9")["status"].as_str()), (Some("medium"), Some("open")));
    assert!(of("u9")["degraded"][0].as_str().unwrap().starts_with("no workforce record names this person"));
    assert_ne!(of("u2")["severity"], "medium");
    assert_eq!(of("u2")["degraded"].as_array().unwrap().len(), 0);
    let handed = run.lines("handoffs.ndjson");
    assert!(handed.iter().any(|handoff| handoff["units"][0]["user_id"] == "u9"), "it is handed over when it settles");
}

#[test]
fn hours_without_any_event_are_told() {
    let hospital = Hospital::new(CARE, &ten_days(""));
    let run = hospital.run("2026-06-20T00:00:00Z");
    let gaps = &run.summary.audit_feed_gap;
    let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
    assert_eq!(gap.from.to_string(), "2026-06-09T05:00:00.000000Z");
    assert_eq!(gap.until.to_string(), "2026-06-10T14:00:00.000000Z");

    let (context, log) = (hospital.context(), hospital.log());
    let out = log.with_extension("out");
    let words = ["replay", "--context", context.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let told = stderr(&program(&[&words[..], &[log.to_str().unwrap()]].concat()));
    assert!(told.contains("audit_feed_gap"), "{told}");
}

#[test]
fn two_patients_with_one_id_are_told_with_their_lines() {
    let hospital = Hospital::new(CARE, &ten_days(""));
    let patients = "patient_id,family_name\np1,Okonkwo\np2,Byrd\np3,Roe\np2,Castro\n";
    std::fs::write(hospital.context().join("patients.csv"), patients).unwrap();
    let (context, log) = (hospital.context(), hospital.log());
    let out = log.with_extension("out");
    let words = ["replay", "--context", context.to_str().unwrap(), "--out", out.to_str().unwrap()];
    let told = stderr(&program(&[&words[..], &[log.to_str().unwrap()]].concat()));
    assert!(told.contains("patients line 5 says something else under the same id than line 3"), "{told}");
    let summary: serde_json::Value = serde_json::from_slice(&std::fs::read(out.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["context_conflicts"], serde_json::json!({"patients": 1}));
}
