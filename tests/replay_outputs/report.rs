use std::collections::BTreeMap;

use chartsentry::model::incident::{Contribution, Incident, IncidentKind, Severity, Status};
use chartsentry::model::reject::RejectCode;
use chartsentry::model::time::{DAY, HOUR, SECOND, Timestamp, Zone};
use chartsentry::replay::report::{
    DayCount, DetectionFigures, DetectorFigures, HandoffView, ReportInput, TOLD_IN_FULL, latest_handoffs, render,
};
use chartsentry::replay::summary::{IncidentCounts, Measured, Summary};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use serde_json::{Value, json};

struct Sample {
    zone: Zone,
    summary: Summary,
    incidents: Vec<Incident>,
    handoffs: BTreeMap<String, HandoffView>,
    days: BTreeMap<Date, DayCount>,
    figures: DetectionFigures,
}

impl Sample {
    fn render(&self) -> String {
        render(&self.input()).unwrap()
    }

    fn input(&self) -> ReportInput<'_> {
        ReportInput {
            facility: Some("Example Hospital"),
            zone: &self.zone,
            as_of: at("2026-07-06T16:00:00Z"),
            run_id: "r4vq2x7k3m",
            policy_hash: "p9f0c1d2e3",
            summary: &self.summary,
            incidents: &self.incidents,
            handoffs: &self.handoffs,
            days: &self.days,
            figures: &self.figures,
        }
    }
}

fn at(text: &str) -> Timestamp {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

fn part(id: &str, weight: f64, reason: &str) -> Contribution {
    Contribution { id: id.to_owned(), weight, reason: reason.to_owned() }
}

fn incident(n: u32, kind: IncidentKind, severity: Severity, contributions: Vec<Contribution>) -> Incident {
    let prior = -7.0;
    let logit: f64 = prior + contributions.iter().map(|part| part.weight).sum::<f64>();
    let first = at("2026-06-02T21:14:00Z") + i64::from(n) * 31 * HOUR;
    Incident {
        incident_id: format!("i{:0>26}", format!("{:x}", 7_919_u64 * u64::from(n + 1) * 104_729)),
        kind,
        user_id: Some(format!("u{:04}", 1_000 + n * 37)),
        user_ids: Vec::new(),
        patient_ids: vec![format!("{}", 70_001_200 + n * 13)],
        score: 1.0 / (1.0 + (-logit).exp()),
        severity,
        status: Status::Open,
        merged_into: None,
        occurred_first: first,
        occurred_last: first + 17 * 60 * SECOND,
        access_count: u64::from(n % 5 + 1),
        prior,
        contributions,
        degraded: vec![],
        accesses: vec![],
    }
}

fn handoff(incident: &Incident, users: &[&str], day: Date) -> Value {
    let units: Vec<Value> = users
        .iter()
        .map(|user| {
            json!({"user_id": user, "patient_id": incident.patient_ids[0], "actions": ["view", "print"],
                   "resources": ["notes", "summary"], "printed_or_exported": incident.severity >= Severity::High,
                   "unit_kind": "access"})
        })
        .collect();
    json!({
        "incident_id": incident.incident_id, "sequence": 1, "units": units,
        "detected": {"business_day": day.to_string()},
        "deadlines": {
            "cdph_deadline": day.saturating_add(21.days()).to_string(),
            "patient_deadline": day.saturating_add(21.days()).to_string(),
            "hipaa_individual_deadline": day.saturating_add(60.days()).to_string(),
            "media_deadline": null,
            "hhs_deadline": "2027-03-01",
        },
        "diligence_question": incident.severity == Severity::Critical,
    })
}

const SURNAME: &str = "Same family name: shared by 3 of 40,001 patients";

fn incidents() -> Vec<Incident> {
    use IncidentKind as K;
    let care =
        || part("no_care_relationship", 4.0, "No care record ties this person or their department to the patient");
    let mut all = vec![
        incident(
            0,
            K::Pair,
            Severity::Critical,
            vec![
                care(),
                part("same_surname", 6.4, SURNAME),
                part("household", 5.1, "Same home address: shared by 2 of 40,001 patients"),
                part("off_shift", 0.7, "Not rostered that day, though the role is rostered in that unit"),
            ],
        ),
        incident(
            1,
            K::PatientBurst,
            Severity::Critical,
            vec![
                care(),
                part("curiosity_burst", 7.8, "17 people without a task opened this chart within 2 hours"),
                part("vip_patient", 2.2, "The patient is marked as a person of public interest"),
            ],
        ),
        incident(
            2,
            K::UserBurst,
            Severity::High,
            vec![
                care(),
                part("record_enumeration", 6.0, "41 charts with consecutive numbers in 9 minutes"),
                part("explained:duty", -0.6, "The role registers patients; no task is recorded"),
            ],
        ),
        incident(
            3,
            K::Pair,
            Severity::High,
            vec![
                care(),
                part("same_surname", 6.4, SURNAME),
                part("repeat_interest", 0.9, "Opened on 4 different days"),
            ],
        ),
        incident(
            4,
            K::Serial,
            Severity::Medium,
            vec![
                care(),
                part("neighbor", 3.4, "Same street and postal code, 2 house numbers apart"),
                part("demographics_browsing", 2.7, "Face sheets only, 38 in a day; peers open 3"),
            ],
        ),
        incident(
            5,
            K::Pair,
            Severity::Medium,
            vec![care(), part("coworker", 5.6, "The patient works in this person’s home department")],
        ),
        incident(
            6,
            K::Pair,
            Severity::Low,
            vec![care(), part("same_surname", 5.3, "Same family name: shared by 61 of 40,001 patients")],
        ),
        incident(
            7,
            K::Pair,
            Severity::High,
            vec![
                care(),
                part("same_surname", 6.4, SURNAME),
                part("explained:direct", -8.5, "A consult recorded 5 hours later names this person"),
            ],
        ),
    ];
    all[1].user_id = None;
    all[1].user_ids = (0..17).map(|n| format!("u{}", 2_000 + n)).collect();
    all[1].access_count = 44;
    all[2].patient_ids = (0..41).map(|n| format!("{}", 70_010_000 + n)).collect();
    all[2].access_count = 41;
    all[4].patient_ids = (0..5).map(|n| format!("{}", 70_020_000 + n * 11)).collect();
    all[5].degraded = vec!["the relationships feed of 4-WEST was silent from Jun 14 08:00 to Jun 16 02:00".to_owned()];
    all[5].status = Status::Provisional;
    all[7].status = Status::Withdrawn;
    all[0].occurred_last = all[0].occurred_first + 3 * DAY;
    all
}

fn sample() -> Sample {
    let incidents = incidents();
    let values: Vec<Value> = incidents
        .iter()
        .zip(0_i64..)
        .map(|(incident, n)| match &incident.user_id {
            Some(user) => handoff(incident, &[user], date(2026, 6, 8).saturating_add((n * 3).days())),
            None => {
                handoff(incident, &incident.user_ids.iter().map(String::as_str).collect::<Vec<_>>(), date(2026, 6, 15))
            }
        })
        .collect();
    let days: BTreeMap<Date, DayCount> = (0..35_u64)
        .map(|n| {
            let day = date(2026, 6, 1).saturating_add(i64::try_from(n).unwrap().days());
            let weekend = if n % 7 >= 5 { 5_400 } else { 9_100 };
            (
                day,
                DayCount {
                    accesses: weekend + (n * 7_919) % 1_300,
                    unexplained: 12 + (n * 31) % 17,
                    suspicious: if n % 4 == 1 { (n * 13) % 23 } else { 0 },
                },
            )
        })
        .collect();
    let total = |get: fn(&DayCount) -> u64| days.values().map(get).sum::<u64>();
    let (unexplained, suspicious) = (total(|day| day.unexplained), total(|day| day.suspicious));
    let accesses = total(|day| day.accesses);
    let explained = accesses - unexplained - suspicious;
    let (department, duty, coverage) = (explained / 3, explained / 19, explained / 90);
    let explained_by = [
        ("direct", explained - department - duty - coverage),
        ("department", department),
        ("duty", duty),
        ("coverage", coverage),
    ];
    let mut summary = Summary {
        accesses,
        explained,
        explained_by: explained_by.map(|(name, n)| (name.to_owned(), n)).into(),
        unexplained,
        suspicious,
        incidents: IncidentCounts::of(&incidents),
        duplicates: 1_204,
        late: 3,
        without_patient: 48_113,
        not_successful: 211,
        degraded: 380,
        measured: Measured { events_per_second: 123_456.789, peak_memory_bytes: Some(987_654_321), seconds: 98.765 },
        ..Summary::default()
    };
    (0..3).for_each(|_| summary.rejects.add(RejectCode::MissingField));
    summary.rejects.add(RejectCode::InvalidJson);
    summary.unmatched_roles.extend(["chaplain".to_owned(), "pet therapy <volunteer>".to_owned()]);
    summary.unknown_fields.insert("badge_colour".to_owned(), 12_000);
    let detector = |detector_id: &str, accesses, in_incidents, incidents| DetectorFigures {
        detector_id: detector_id.to_owned(),
        accesses,
        in_incidents,
        incidents,
    };
    let mut by_hour = [1, 0, 0, 0, 1, 2, 6, 9, 11, 8, 9, 12, 14, 10, 9, 12, 8, 7, 9, 15, 22, 31, 24, 8];
    by_hour[3] = 2;
    let figures = DetectionFigures {
        detectors: vec![
            detector("curiosity_burst", 44, 44, 1),
            detector("household", 31, 9, 1),
            detector("no_care_relationship", 1_033, 112, 8),
            detector("record_enumeration", 60, 41, 1),
            detector("same_surname", 88, 15, 4),
        ],
        by_day: (0..6_i64)
            .map(|n| (date(2026, 6, 3).saturating_add((n * 5).days()), 5 + (n as u64 * 17) % 31))
            .collect(),
        by_hour,
    };
    Sample {
        zone: Zone::named("America/Los_Angeles").unwrap(),
        summary,
        handoffs: latest_handoffs(&values),
        incidents,
        days,
        figures,
    }
}

#[test]
fn the_report_needs_nothing_from_elsewhere_and_is_the_same_each_time() {
    let html = sample().render();
    // For people who change the page: set this to look at the sample.
    if let Some(path) = std::env::var_os("CHARTSENTRY_SAMPLE_REPORT") {
        std::fs::write(path, &html).unwrap();
    }
    for outside in ["http:", "https:", "<script", "<link", "<img", "<iframe", "url(", "@import", " src=", " on"] {
        let text = html.replace(" on the", "").replace(" on record", "").replace(" on file", "").replace(" on 4", "");
        let found = if outside == " on" {
            text.contains(" onload") || text.contains(" onclick")
        } else {
            text.contains(outside)
        };
        assert!(!found, "{outside}");
    }
    assert_eq!(html, sample().render());
    for measured in ["123456", "123,456", "987654321", "987,654,321", "98.765"] {
        assert!(!html.contains(measured), "{measured}");
    }
    assert_eq!(html.matches("not legal advice").count(), 1);
}

#[test]
fn values_of_the_input_cannot_become_markup() {
    let mut sample = sample();
    sample.incidents[0].patient_ids = vec!["<script>alert(1)</script>".to_owned()];
    sample.incidents[0].contributions[0].reason = "\"><img src=x>".to_owned();
    let html = sample.render();
    assert!(html.contains("&lt;script&gt;") && html.contains("pet therapy &lt;volunteer&gt;"));
    assert!(!html.contains("<script") && !html.contains("<img"));
}

#[test]
fn incidents_stand_by_severity_then_score_with_withdrawn_ones_last() {
    let sample = sample();
    let html = sample.render();
    let place = |n: usize| html.find(&format!("<article id=\"{}\"", sample.incidents[n].incident_id)).unwrap();
    let order = [0, 1, 3, 2, 4, 5, 6, 7];
    assert!(order.map(place).is_sorted(), "{:?}", order.map(place));
    assert!(html.contains("withdrawn (explained by direct: a care record names the person)"));
    assert!(html.contains("Evidence incomplete: the relationships feed of 4-WEST"));
    assert!(html.contains("17 people opened the chart of 70001213"));
    assert!(html.contains("70010011 and 29 others"));
    assert!(html.contains("Jun 2, 2026, 14:14 to Jun 5, 2026, 14:14"));
    assert!(
        html.contains("<b>Jun 29, 2026</b><small class=\"is-critical\">passed 7 days ago</small>"),
        "CDPH deadline of the first"
    );
    assert!(html.contains("7 incidents ask for a person’s decision: 103 accesses, by 23 people."));
}

#[test]
fn only_the_first_incidents_are_told_and_the_rest_is_counted() {
    let mut sample = sample();
    let template = sample.incidents[6].clone();
    for n in 0..TOLD_IN_FULL + 5 {
        sample.incidents.push(Incident { incident_id: format!("i{n}"), ..template.clone() });
    }
    let html = sample.render();
    assert_eq!(html.matches("<article").count(), TOLD_IN_FULL);
    assert!(html.contains("13 more incidents are not told here"));
    assert!(html.contains("incidents.ndjson"));
}

#[test]
fn an_empty_run_still_has_a_page() {
    let zone = Zone::named("UTC").unwrap();
    let (summary, figures) = (Summary::default(), DetectionFigures::default());
    let input = ReportInput {
        facility: None,
        zone: &zone,
        as_of: at("2026-07-06T16:00:00Z"),
        run_id: "r",
        policy_hash: "p",
        summary: &summary,
        incidents: &[],
        handoffs: &BTreeMap::new(),
        days: &BTreeMap::new(),
        figures: &figures,
    };
    let html = render(&input).unwrap();
    assert!(html.contains("The log holds no access to a chart"));
    assert!(html.contains("No incident was found."));
}
