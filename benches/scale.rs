//! Whether the cost of an access depends on the size of the hospital: time, memory and allocations per access, with every
//! detector on.
//!
//! `cargo bench --bench scale`
//!
//! Each hospital has the same staff and the same log but for whose charts are opened. The first half of the log is not
//! counted: tables grow there. Compare the lines of one run.

#![allow(clippy::unwrap_used, reason = "a benchmark may panic")]
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::time::Instant;

use chartsentry::engine::settings::Policy;
use chartsentry::engine::{Arrival, Engine};
use chartsentry::model::access::{AccessEvent, Action, Outcome};
use chartsentry::model::context::{
    ContextRecord, ContextUpdate, Holder, Patient, Recorded, Relationship, RelationshipKind, WorkforceMember,
};
use chartsentry::model::time::{SECOND, Timestamp};

/// Accesses in one half of the log, two a second: more than the horizon holds.
const ACCESSES: usize = 1_000_000;
/// Accesses between two advances, as in a replay.
const BATCH: usize = 65_536;
const STAFF: usize = 4_000;
const DEPARTMENTS: usize = 50;

/// 2026-06-01T00:00:00Z
const START: Timestamp = Timestamp(1_780_272_000 * SECOND);

/// Every this many accesses one is to the chart of another department.
const UNEXPLAINED: usize = 300;

fn main() {
    println!("{:>10}  {:>12}  {:>14}  {:>26}", "patients", "ns an access", "explained only", "allocations a million");
    let mut base = None;
    for patients in [10_000, 100_000, 1_000_000] {
        let mixed = run(patients, Some(UNEXPLAINED));
        let plain = run(patients, None);
        let base = *base.get_or_insert(mixed.nanoseconds);
        println!(
            "{patients:>10}  {:>6.0} {:>4.2}x  {:>11.0} ns  {:>26}",
            mixed.nanoseconds,
            mixed.nanoseconds / base,
            plain.nanoseconds,
            plain.allocations
        );
    }
}

/// What the second half of a log took.
struct Cost {
    nanoseconds: f64,
    allocations: u64,
}

/// One shard on one thread, so that its allocations can be counted.
fn run(patients: usize, unexplained: Option<usize>) -> Cost {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    pool.install(|| {
        let mut engine = Engine::new(&Policy::shipped("America/Los_Angeles"), 1).unwrap();
        engine.learn(staff());
        engine.learn((0..patients).flat_map(|number| [chart(number), visit(number)]));
        live(&mut engine, 0, patients, unexplained);
        let started = Instant::now();
        let counted = allocation_counter::measure(|| live(&mut engine, ACCESSES, patients, unexplained));
        let nanoseconds = started.elapsed().as_secs_f64() * 1e9 / ACCESSES as f64;
        let is_plain = engine.tally().unexplained == 0;
        assert_eq!(is_plain, unexplained.is_none(), "the log is not what it should be");
        Cost { nanoseconds, allocations: counted.count_total }
    })
}

/// Half of a log. Its texts are made beforehand, as a decoder reads them from its block.
fn live(engine: &mut Engine, from: usize, patients: usize, unexplained: Option<usize>) {
    let (mut event_id, mut user, mut patient) = (String::new(), String::new(), String::new());
    for first in (from..from + ACCESSES).step_by(BATCH) {
        let mut intake = engine.intake();
        for number in first..(first + BATCH).min(from + ACCESSES) {
            let (who, whose) = pair(number, patients, unexplained);
            write(&mut event_id, "e", number);
            write(&mut user, "u", who);
            write(&mut patient, "M", whose);
            intake.push(&engine.context().dictionary, &access(number, &event_id, &user, &patient), Arrival::UNTOLD);
        }
        engine.push(intake);
        engine.advance(engine.newest().minus(1));
    }
}

/// Who opens whose chart: one of the own department, at random, but for some.
fn pair(number: usize, patients: usize, unexplained: Option<usize>) -> (usize, usize) {
    let scattered = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
    let user = scattered % STAFF;
    let other = unexplained.is_some_and(|every| number.is_multiple_of(every));
    let department = (user + usize::from(other)) % DEPARTMENTS;
    let patient = (scattered / STAFF) % (patients / DEPARTMENTS) * DEPARTMENTS + department;
    (user, patient)
}

fn write(text: &mut String, head: &str, number: usize) {
    use std::fmt::Write as _;
    text.clear();
    write!(text, "{head}{number}").unwrap();
}

fn access<'a>(number: usize, event_id: &'a str, user: &'a str, patient: &'a str) -> AccessEvent<'a> {
    AccessEvent {
        event_id: event_id.into(),
        occurred_at: START.plus(number as i64 * SECOND / 2),
        recorded_at: None,
        user_id: user.into(),
        patient_id: Some(patient.into()),
        action: Action::View,
        resource: Some("notes".into()),
        department: None,
        workstation: None,
        source_ip: None,
        encounter_id: None,
        purpose: None,
        break_glass_reason: None,
        outcome: Outcome::Success,
        search_text_kind: None,
    }
}

fn update(key: String, record: ContextRecord) -> ContextUpdate {
    ContextUpdate { key, record: Some(record), withdrawn_at: Timestamp::MAX }
}

fn department(number: usize) -> String {
    format!("Ward {}", number % DEPARTMENTS)
}

fn staff() -> impl Iterator<Item = ContextUpdate> {
    (0..STAFF).map(|number| {
        let member = WorkforceMember {
            user_id: format!("u{number}"),
            family_name: Some(format!("Staff{number}")),
            department: Some(department(number)),
            role: Some("Registered Nurse".to_owned()),
            street: Some(format!("{} Elm St", number % 500 + 1)),
            postal_code: Some(format!("{}", 90_000 + number / 500)),
            ..WorkforceMember::default()
        };
        update(format!("workforce/u{number}"), ContextRecord::Workforce(member))
    })
}

fn chart(number: usize) -> ContextUpdate {
    let patient = Patient {
        patient_id: format!("M{number}"),
        family_name: Some(format!("Family{}", number / 3)),
        street: Some(format!("{} Oak St", number % 500 + 1)),
        postal_code: Some(format!("{}", 10_000 + number / 500)),
        ..Patient::default()
    };
    update(format!("patients/M{number}"), ContextRecord::Patient(patient))
}

fn visit(number: usize) -> ContextUpdate {
    let visit = Relationship {
        relationship_id: format!("r{number}"),
        kind: RelationshipKind::Encounter,
        patient_id: format!("M{number}"),
        holder: Holder::Department(department(number)),
        starts_at: START.minus(SECOND),
        ends_at: None,
        recorded_by: None,
        encounter_id: None,
        recorded: Recorded::default(),
    };
    update(format!("relationships/r{number}"), ContextRecord::Relationship(visit))
}
