//! The handoff: an incident on its way to the people who decide, with every clock it may start.
//!
//! Occurred, recorded, available, ingested, flagged, surfaced and known are separate instants and
//! never stand in for one another. A handoff is built anew from what is known; whoever keeps the
//! instants must keep the earliest of each.

use std::collections::BTreeSet;

use data_encoding::BASE32_NOPAD;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::clocks::{self, CALIFORNIA_OPERATIVE, Deadlines, Known, Regimes};
use super::{calendar, iso_date};
use crate::model::incident::{ChangeReason, Contribution, IncidentChange, IncidentKind, Severity, Status, Unit};
use crate::model::time::{DAY, Timestamp, Zone};

/// Characters of a handoff id after its `h`: 130 bits.
const ID_CHARACTERS: usize = 26;

/// What started the clocks of a handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A person knew.
    Known,
    /// A person reasonably believed it.
    Belief,
    /// A business associate knew (counts in California).
    BusinessAssociate,
    /// Reasonable diligence would have shown it; a person or counsel set the day.
    Diligence,
    /// Only software has marked it.
    Flagged,
}

/// The instants of one incident that the pipeline and the people around it recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clocks {
    /// When chartsentry received the earliest row.
    pub ingested_at: Timestamp,
    /// When the pipeline first held the access over the threshold.
    pub flagged_at: Timestamp,
    /// When it first stood where a person is expected to look.
    pub surfaced_at: Option<Timestamp>,
    /// When the facility could first have reviewed the earliest row.
    pub source_available_at: Timestamp,
    /// Whether `source_available_at` was inferred instead of stated.
    pub source_available_assumed: bool,
    /// First person aware, other than the suspected actor.
    pub known_at: Option<Timestamp>,
    /// First reasonable belief of such a person.
    pub belief_at: Option<Timestamp>,
    /// First business associate aware.
    pub ba_known_at: Option<Timestamp>,
    /// Whether that associate is an agent of the facility, whose knowledge HIPAA imputes too.
    pub ba_is_agent: bool,
    /// When it would have been known with reasonable diligence; set by a person or counsel only.
    pub diligence_at: Option<Timestamp>,
}

impl Clocks {
    /// Detection: the earliest instant that counts in California, and what it rests on. A person's
    /// knowledge names the basis where it falls on the same instant as the flag.
    #[must_use]
    pub fn detected(&self) -> (Timestamp, Basis) {
        let persons = [
            (self.known_at, Basis::Known),
            (self.belief_at, Basis::Belief),
            (self.ba_known_at, Basis::BusinessAssociate),
            (self.diligence_at, Basis::Diligence),
        ];
        let persons = persons.into_iter().filter_map(|(at, basis)| at.map(|at| (at, basis)));
        persons.fold((self.flagged_at, Basis::Flagged), Ord::min)
    }

    /// Discovery under HIPAA: the same, without an associate's knowledge unless it is an agent.
    #[must_use]
    pub fn discovered_at(&self) -> Timestamp {
        let imputed = Self { ba_known_at: self.ba_known_at.filter(|_| self.ba_is_agent), ..*self };
        imputed.detected().0
    }
}

/// When the facility could first have reviewed the earliest row of `change`, and whether that is
/// assumed: what the operator or the source stated, else when the row was written, else when the
/// access happened.
#[must_use]
pub fn source_available(change: &IncidentChange, stated: Option<Timestamp>) -> (Timestamp, bool) {
    match stated.or(change.available_at) {
        Some(at) => (at, false),
        None => (change.recorded_at.unwrap_or_else(|| occurred(change).0), true),
    }
}

/// What produced a handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    Live,
    Replay,
    Demo,
}

/// The run that a handoff came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunIdentity {
    /// Hash of the resolved policy.
    pub policy_hash: String,
    pub run_id: String,
    pub run_kind: RunKind,
    /// Whether "now" was given and not read from the clock.
    pub clock_fixed: bool,
}

/// What the clocks need to know about the facility.
#[derive(Clone, Debug, PartialEq)]
pub struct Facility {
    pub zone: Zone,
    /// Licensed in California (79901(j)).
    pub california: bool,
    /// How often audit logs are reviewed, in days (164.308(a)(1)(ii)(D)).
    pub log_review_interval_days: u32,
}

impl Facility {
    fn regimes(&self) -> Regimes {
        if self.california { Regimes::BOTH } else { Regimes::HIPAA }
    }
}

/// When the suspected breach counts as detected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detected {
    pub at: Timestamp,
    /// The date of `at` at the facility.
    #[serde(with = "iso_date")]
    pub local_date: Date,
    /// The first business day on or after `local_date`, wherever the facility is licensed.
    #[serde(with = "iso_date")]
    pub business_day: Date,
    pub basis: Basis,
    pub timezone: String,
    pub calendar_version: String,
}

impl Detected {
    fn new((at, basis): (Timestamp, Basis), zone: &Zone) -> Self {
        let local_date = zone.date(at);
        Self {
            at,
            local_date,
            business_day: calendar::first_business_day(local_date),
            basis,
            timezone: zone.name().to_owned(),
            calendar_version: calendar::CALENDAR_VERSION.to_owned(),
        }
    }
}

/// One line of `handoffs.ndjson`, one message of the topic, one call of the webhook.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handoff {
    /// `h` and 26 base-32 characters; the same for the same incident and sequence in every run.
    pub handoff_id: String,
    /// 1, 2, 3 ... for each incident.
    pub sequence: u32,
    pub incident_id: String,
    pub kind: IncidentKind,
    pub severity: Severity,
    /// 0..1.
    pub score: f64,
    /// Log-odds of snooping before any evidence.
    pub prior: f64,
    pub contributions: Vec<Contribution>,
    pub status: Status,
    pub reason: ChangeReason,
    /// The possible breaches: one for each instance and patient.
    pub units: Vec<Unit>,
    pub occurred_start: Timestamp,
    pub occurred_end: Timestamp,
    pub recorded_at: Option<Timestamp>,
    pub source_available_at: Timestamp,
    pub source_available_assumed: bool,
    pub ingested_at: Timestamp,
    pub flagged_at: Timestamp,
    pub surfaced_at: Option<Timestamp>,
    /// How far the log's own time had come: the handoffs' order. No clock of the law.
    pub emitted_at: Timestamp,
    /// Detectors that contributed, in the order of `contributions`; explanations are left out.
    pub detector_ids: Vec<String>,
    pub policy_hash: String,
    pub run_id: String,
    pub run_kind: RunKind,
    pub clock_fixed: bool,
    pub detected: Detected,
    /// Whether the row lay unflagged for longer than the log-review interval, so that a person
    /// must say when it would have been known with reasonable diligence.
    pub diligence_question: bool,
    pub deadlines: Deadlines,
    /// Why the evidence is incomplete; empty when it is not.
    pub degraded: Vec<String>,
    /// The incident that this one became part of.
    pub merged_into: Option<String>,
}

impl Handoff {
    /// Builds the handoff of one change. Persons affected are the distinct patients of its units;
    /// how many of them live in one State is not known here.
    #[must_use]
    pub fn new(change: &IncidentChange, clocks: &Clocks, run: &RunIdentity, facility: &Facility) -> Self {
        let incident = &change.incident;
        let (occurred_start, occurred_end) = occurred(change);
        Self {
            handoff_id: handoff_id(&incident.incident_id, change.sequence),
            sequence: change.sequence,
            incident_id: incident.incident_id.clone(),
            kind: incident.kind,
            severity: incident.severity,
            score: incident.score,
            prior: incident.prior,
            contributions: incident.contributions.clone(),
            status: incident.status,
            reason: change.reason,
            units: change.units.clone(),
            occurred_start,
            occurred_end,
            recorded_at: change.recorded_at,
            source_available_at: clocks.source_available_at,
            source_available_assumed: clocks.source_available_assumed,
            ingested_at: clocks.ingested_at,
            flagged_at: clocks.flagged_at,
            surfaced_at: clocks.surfaced_at,
            emitted_at: change.emitted_at,
            detector_ids: detector_ids(&incident.contributions),
            policy_hash: run.policy_hash.clone(),
            run_id: run.run_id.clone(),
            run_kind: run.run_kind,
            clock_fixed: run.clock_fixed,
            detected: Detected::new(clocks.detected(), &facility.zone),
            diligence_question: clocks.flagged_at - clocks.source_available_at
                > DAY.saturating_mul(i64::from(facility.log_review_interval_days)),
            deadlines: deadlines(change, clocks, facility),
            degraded: incident.degraded.clone(),
            merged_into: incident.merged_into.clone(),
        }
    }
}

/// `h` and 26 lower-case base-32 characters of a hash of the incident and the sequence.
#[must_use]
pub fn handoff_id(incident_id: &str, sequence: u32) -> String {
    let hash = Sha256::digest(format!("{incident_id}\n{sequence}"));
    let mut id = BASE32_NOPAD.encode(&hash).to_ascii_lowercase();
    id.truncate(ID_CHARACTERS);
    id.insert(0, 'h');
    id
}

/// First and last moment of the units; of the incident where it has none.
fn occurred(change: &IncidentChange) -> (Timestamp, Timestamp) {
    let first = change.units.iter().map(|unit| unit.occurred_first).min();
    let last = change.units.iter().map(|unit| unit.occurred_last).max();
    (first.unwrap_or(change.incident.occurred_first), last.unwrap_or(change.incident.occurred_last))
}

fn detector_ids(contributions: &[Contribution]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let detectors = contributions.iter().map(|contribution| contribution.id.as_str());
    detectors.filter(|id| !id.starts_with("explained:") && seen.insert(*id)).map(str::to_owned).collect()
}

fn deadlines(change: &IncidentChange, clocks: &Clocks, facility: &Facility) -> Deadlines {
    let patients: BTreeSet<&str> = change.units.iter().map(|unit| unit.patient_id.as_str()).collect();
    let known = Known { detected_at: clocks.detected().0, discovered_at: clocks.discovered_at() };
    let mut deadlines = clocks::deadlines(known, &facility.zone, facility.regimes(), patients.len() as u64, None, None);
    let occurred = facility.zone.date(occurred(change).0);
    if deadlines.cdph_deadline.is_some() && occurred < CALIFORNIA_OPERATIVE {
        deadlines.notes.push(format!(
            "California: the access of {occurred} came before 22 CCR 79901-79905 were in force \
             ({CALIFORNIA_OPERATIVE}); counted all the same, ask counsel which law governs"
        ));
    }
    deadlines
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::model::incident::{Incident, UnitKind};

    fn at(text: &str) -> Timestamp {
        Timestamp::from(text.parse::<jiff::Timestamp>().unwrap())
    }

    fn unit(patient: &str, first: &str, last: &str) -> Unit {
        Unit {
            patient_id: patient.to_owned(),
            user_id: "U1".to_owned(),
            first_event_id: format!("{patient}-{first}"),
            occurred_first: at(first),
            occurred_last: at(last),
            access_count: 2,
            actions: vec!["view".to_owned()],
            resources: vec!["notes".to_owned()],
            printed_or_exported: false,
            unit_kind: UnitKind::Access,
        }
    }

    fn contribution(id: &str, weight: f64) -> Contribution {
        Contribution { id: id.to_owned(), weight, reason: "Because".to_owned() }
    }

    fn change() -> IncidentChange {
        let (first, last) = ("2026-09-18T20:00:00Z", "2026-09-19T20:00:00Z");
        IncidentChange {
            emitted_at: at(last),
            sequence: 1,
            reason: ChangeReason::Opened,
            incident: Incident {
                incident_id: "iabcdefghijklmnopqrstuvwxyz".to_owned(),
                kind: IncidentKind::UserBurst,
                user_id: Some("U1".to_owned()),
                user_ids: Vec::new(),
                patient_ids: vec!["P1".to_owned(), "P2".to_owned()],
                score: 0.1 + 0.2,
                severity: Severity::High,
                status: Status::Provisional,
                merged_into: None,
                occurred_first: at(first),
                occurred_last: at(last),
                access_count: 4,
                prior: -7.0,
                contributions: vec![
                    contribution("same_surname", 4.0),
                    contribution("explained:duty", -1.0),
                    contribution("no_care_relationship", 5.5),
                ],
                degraded: vec!["shifts: silent".to_owned()],
                accesses: vec!["E1".to_owned()],
            },
            units: vec![
                unit("P2", "2026-09-19T10:00:00Z", last),
                unit("P1", first, "2026-09-18T21:00:00Z"),
                unit("P1", "2026-09-19T12:00:00Z", "2026-09-19T12:10:00Z"),
            ],
            recorded_at: None,
            available_at: None,
            ingested_at: None,
        }
    }

    /// Flagged on Saturday 2026-09-19 at 14:30 in Los Angeles.
    fn saturday() -> Clocks {
        Clocks {
            ingested_at: at("2026-09-19T21:29:00Z"),
            flagged_at: at("2026-09-19T21:30:00Z"),
            source_available_at: at("2026-09-18T20:00:00Z"),
            source_available_assumed: true,
            ..Clocks::default()
        }
    }

    fn run() -> RunIdentity {
        RunIdentity {
            policy_hash: "p".to_owned(),
            run_id: "r".to_owned(),
            run_kind: RunKind::Replay,
            clock_fixed: true,
        }
    }

    fn facility(california: bool) -> Facility {
        Facility { zone: Zone::named("America/Los_Angeles").unwrap(), california, log_review_interval_days: 7 }
    }

    #[test]
    fn every_field_stands_in_its_place() {
        let handoff = Handoff::new(&change(), &saturday(), &run(), &facility(true));
        let text = serde_json::to_string(&handoff).unwrap();
        let fields = "handoff_id sequence incident_id kind severity score prior contributions status reason units \
            occurred_start occurred_end recorded_at source_available_at source_available_assumed ingested_at \
            flagged_at surfaced_at emitted_at detector_ids policy_hash run_id run_kind clock_fixed detected \
            diligence_question deadlines degraded";
        let mut rest = text.as_str();
        for field in fields.split_whitespace() {
            let (_, after) = rest.split_once(&format!("\"{field}\":")).unwrap_or_else(|| panic!("{field}: {text}"));
            rest = after;
        }
        assert_eq!(serde_json::from_str::<Handoff>(&text).unwrap(), handoff);
    }

    #[test]
    fn a_saturday_flag_carries_monday_wherever_the_facility_is_licensed() {
        let monday = date(2026, 9, 21);
        let here = Handoff::new(&change(), &saturday(), &run(), &facility(true));
        assert_eq!((here.detected.local_date, here.detected.business_day), (date(2026, 9, 19), monday));
        assert_eq!(here.detected.basis, Basis::Flagged);
        assert_eq!(here.deadlines.detected_business_day, Some(monday));
        assert_eq!(here.deadlines.cdph_deadline, Some(date(2026, 10, 12)));
        assert_eq!(here.deadlines.hipaa_individual_deadline, Some(date(2026, 11, 18)));
        let elsewhere = Handoff::new(&change(), &saturday(), &run(), &facility(false));
        assert_eq!(elsewhere.detected.business_day, monday);
        assert_eq!((elsewhere.deadlines.cdph_deadline, elsewhere.deadlines.detected_business_day), (None, None));
        assert_eq!(elsewhere.deadlines.discovered_date, Some(date(2026, 9, 19)));
    }

    #[test]
    fn the_earliest_knowledge_starts_the_clocks_and_names_its_basis() {
        let (early, late) = (at("2026-09-01T12:00:00Z"), at("2026-09-20T12:00:00Z"));
        let believed = Clocks { belief_at: Some(early), known_at: Some(late), ..saturday() };
        assert_eq!(believed.detected(), (early, Basis::Belief));
        let known_later = Clocks { known_at: Some(late), ..saturday() };
        assert_eq!(known_later.detected(), (saturday().flagged_at, Basis::Flagged), "never moves later");
        let same_instant = Clocks { known_at: Some(saturday().flagged_at), ..saturday() };
        assert_eq!(same_instant.detected().1, Basis::Known);
    }

    #[test]
    fn an_associate_starts_the_federal_clock_only_as_an_agent() {
        let early = at("2026-09-01T12:00:00Z");
        let associate = Clocks { ba_known_at: Some(early), ..saturday() };
        assert_eq!(associate.detected(), (early, Basis::BusinessAssociate));
        assert_eq!(associate.discovered_at(), saturday().flagged_at);
        let handoff = Handoff::new(&change(), &associate, &run(), &facility(true));
        assert_eq!(handoff.deadlines.detected_business_day, Some(date(2026, 9, 1)));
        assert_eq!(handoff.deadlines.discovered_date, Some(date(2026, 9, 19)));
        let agent = Clocks { ba_is_agent: true, ..associate };
        assert_eq!(agent.discovered_at(), early);
    }

    #[test]
    fn the_diligence_question_opens_after_the_review_interval() {
        let asked = |available: Timestamp| {
            let clocks = Clocks { source_available_at: available, ..saturday() };
            Handoff::new(&change(), &clocks, &run(), &facility(true)).diligence_question
        };
        let interval = 7 * DAY;
        assert!(!asked(saturday().flagged_at.minus(interval)));
        assert!(asked(saturday().flagged_at.minus(interval + 1)));
    }

    #[test]
    fn patients_are_counted_once_and_the_span_is_that_of_the_units() {
        let mut change = change();
        let handoff = Handoff::new(&change, &saturday(), &run(), &facility(true));
        assert_eq!(handoff.occurred_start, at("2026-09-18T20:00:00Z"));
        assert_eq!(handoff.occurred_end, at("2026-09-19T20:00:00Z"));
        assert_eq!(handoff.detector_ids, ["same_surname", "no_care_relationship"]);
        let first = "2026-09-18T20:00:00Z";
        change.units =
            (0..500).flat_map(|n| [unit(&format!("P{n}"), first, first), unit("P0", first, first)]).collect();
        let large = Handoff::new(&change, &saturday(), &run(), &facility(true));
        assert_eq!(large.deadlines.hhs_deadline, large.deadlines.hipaa_individual_deadline);
        change.units.retain(|unit| unit.patient_id != "P1");
        let small = Handoff::new(&change, &saturday(), &run(), &facility(true));
        assert_eq!(small.deadlines.hhs_deadline, Some(date(2027, 3, 1)));
    }

    #[test]
    fn an_access_from_before_the_regulation_is_pointed_out() {
        let mut change = change();
        change.units = vec![unit("P1", "2020-02-01T12:00:00Z", "2020-02-01T12:00:00Z")];
        let handoff = Handoff::new(&change, &saturday(), &run(), &facility(true));
        assert!(handoff.deadlines.notes.iter().any(|note| note.contains("2020-02-01")));
    }

    #[test]
    fn availability_is_stated_or_assumed() {
        let mut change = change();
        let stated = at("2026-09-20T00:00:00Z");
        assert_eq!(source_available(&change, None), (at("2026-09-18T20:00:00Z"), true));
        change.recorded_at = Some(at("2026-09-18T20:05:00Z"));
        assert_eq!(source_available(&change, None), (at("2026-09-18T20:05:00Z"), true));
        change.available_at = Some(at("2026-09-18T20:06:00Z"));
        assert_eq!(source_available(&change, None), (at("2026-09-18T20:06:00Z"), false));
        assert_eq!(source_available(&change, Some(stated)), (stated, false));
    }

    #[test]
    fn ids_differ_by_incident_and_sequence_and_stay_the_same() {
        let id = handoff_id("i1", 1);
        assert_eq!(id, handoff_id("i1", 1));
        assert_eq!(id.len(), 27);
        assert!(id.starts_with('h') && id[1..].bytes().all(|b| matches!(b, b'a'..=b'z' | b'2'..=b'7')));
        assert!(id != handoff_id("i1", 2) && id != handoff_id("i", 11) && id != handoff_id("i2", 1));
    }
}
