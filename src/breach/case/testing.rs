//! Handoffs and cases for tests.

use super::event::Event;
use super::facts::{Fact, Facts, Stated};
use super::intake::{Bringing, REGISTER, take};
use super::outlook::House;
use super::staff::{Member, Staff};
use super::{Case, FacilityFacts};
use crate::breach::handoff::{Clocks, Facility, Handoff, RunIdentity, RunKind};
use crate::model::incident::{
    ChangeReason, Contribution, Incident, IncidentChange, IncidentKind, Severity, Status, Unit, UnitKind,
};
use crate::model::time::{DAY, Timestamp, Zone};

pub(crate) fn at(text: &str) -> Timestamp {
    Timestamp::from(text.parse::<jiff::Timestamp>().unwrap())
}

pub(crate) fn facts(stated: &[(Fact, &str)]) -> Facts {
    let mut facts = Facts::default();
    for (fact, value) in stated {
        let stated = Stated { value: (*value).to_owned(), by: "P".to_owned(), at: Timestamp(0), second: None };
        facts.set(*fact, stated);
    }
    facts
}

/// (user id, name, manager).
pub(crate) fn staff(members: &[(&str, &str, Option<&str>)]) -> Staff {
    let member = |(id, name, manager): &(&str, &str, Option<&str>)| Member {
        user_id: (*id).to_owned(),
        name: (*name).to_owned(),
        manager_id: manager.map(str::to_owned),
    };
    members.iter().map(member).collect()
}

pub(crate) fn facility() -> FacilityFacts {
    FacilityFacts::of(&pacific())
}

fn pacific() -> Facility {
    let zone = Zone::named("America/Los_Angeles").unwrap();
    Facility { zone, california: true, log_review_interval_days: 7 }
}

pub(crate) fn unit(user: &str, patient: &str, first: &str, last: &str) -> Unit {
    Unit {
        patient_id: patient.to_owned(),
        user_id: user.to_owned(),
        first_event_id: format!("{user}-{patient}-{first}"),
        occurred_first: at(first),
        occurred_last: at(last),
        access_count: 2,
        actions: vec!["view".to_owned()],
        resources: vec!["notes".to_owned()],
        printed_or_exported: false,
        unit_kind: UnitKind::Access,
    }
}

/// A house in California.
pub(crate) const HOUSE: House = House { unopened_after: DAY, licensed: true };

/// What a daemon hands over: `units` of one incident, flagged at an instant.
pub(crate) fn handoff(incident_id: &str, sequence: u32, units: Vec<Unit>, flagged: &str) -> Handoff {
    let first = units.iter().map(|unit| unit.occurred_first).min().unwrap();
    let last = units.iter().map(|unit| unit.occurred_last).max().unwrap();
    let flagged_at = at(flagged);
    let change = IncidentChange {
        emitted_at: last,
        sequence,
        reason: ChangeReason::Opened,
        incident: Incident {
            incident_id: incident_id.to_owned(),
            kind: IncidentKind::Pair,
            user_id: Some(units[0].user_id.clone()),
            user_ids: Vec::new(),
            patient_ids: units.iter().map(|unit| unit.patient_id.clone()).collect(),
            score: 0.97,
            severity: Severity::High,
            status: Status::Open,
            merged_into: None,
            occurred_first: first,
            occurred_last: last,
            access_count: 2,
            prior: -7.0,
            contributions: vec![
                Contribution {
                    id: "no_care_relationship".to_owned(),
                    weight: 6.0,
                    reason: "Nothing explains it".to_owned(),
                },
                Contribution {
                    id: "household".to_owned(),
                    weight: 5.0,
                    reason: "Same address: 2 of 40 patients".to_owned(),
                },
            ],
            degraded: Vec::new(),
            accesses: vec!["E1".to_owned()],
        },
        units,
        recorded_at: None,
        available_at: Some(first),
        ingested_at: None,
    };
    let clocks = Clocks {
        ingested_at: flagged_at,
        flagged_at,
        surfaced_at: Some(flagged_at),
        source_available_at: first,
        ..Clocks::default()
    };
    let run = RunIdentity {
        policy_hash: "p".to_owned(),
        run_id: "r".to_owned(),
        run_kind: RunKind::Live,
        clock_fixed: false,
    };
    Handoff::new(&change, &clocks, &run, &pacific())
}

/// A handoff that comes by itself at an instant.
pub(crate) fn bringing<'b>(facility: &'b FacilityFacts, now: &str) -> Bringing<'b> {
    Bringing { facility, is_rehearsal: false, at: at(now), is_last: true }
}

/// Takes a handoff into cases, as a register does.
pub(crate) fn taken(cases: &mut Vec<Case>, handoff: &Handoff, now: &str) -> usize {
    let intake = take(handoff, cases, &bringing(&facility(), now));
    for (id, event) in &intake.events {
        apply(cases, id, event, REGISTER, now);
    }
    intake.events.len()
}

pub(crate) fn apply(cases: &mut Vec<Case>, id: &str, event: &Event, by: &str, now: &str) {
    match cases.iter_mut().find(|case| case.case_id == id) {
        Some(case) => case.apply(at(now), by, event),
        None => cases.push(Case::open(id, at(now), event).unwrap()),
    }
}

/// One case about user U1 at patient P1's chart on Friday 2026-09-18, flagged on the Saturday.
pub(crate) fn saturday_case() -> Case {
    let mut cases = Vec::new();
    let units = vec![unit("U1", "P1", "2026-09-18T20:00:00Z", "2026-09-18T20:10:00Z")];
    taken(&mut cases, &handoff("i1", 1, units, "2026-09-19T21:30:00Z"), "2026-09-19T21:31:00Z");
    cases.remove(0)
}
