//! A case: what the register knows about one suspected breach, from the first handoff to the last notice.
//!
//! A case is the sum of its [`Event`](event::Event)s and nothing else. Whoever wants to change it makes an event ([`intake`] from
//! handoffs, [`change`] from what people ask for), the event is written to the ledger, and [`Case::apply`] takes it in.
//! So the ledger can be read again at any time, and must give the same case.
//!
//! Software opens and widens. It never clears, and it never moves a clock later.

pub mod change;
pub mod clock;
pub mod event;
pub mod facts;
mod fold;
pub mod intake;
pub mod links;
pub mod outlook;
mod places;
pub mod staff;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::change::{Decision, Proposal};
use self::clock::CaseClocks;
use self::event::{Evidence, Notice};
use self::facts::Facts;
use super::calendar;
use super::clocks::Regimes;
use super::handoff::Facility;
use crate::model::incident::{Contribution, IncidentKind, Severity, Status, Unit, UnitKind};
use crate::model::time::{Timestamp, Zone};

/// A person, a chart and the first access: what one unit is known by, in every incident and every run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UnitKey {
    pub user_id: String,
    pub patient_id: String,
    pub first_event_id: String,
}

impl UnitKey {
    /// The key of a unit of an incident.
    #[must_use]
    pub fn of(unit: &Unit) -> Self {
        Self {
            user_id: unit.user_id.clone(),
            patient_id: unit.patient_id.clone(),
            first_event_id: unit.first_event_id.clone(),
        }
    }
}

/// One possible breach: each individual instance x one specific patient (22 CCR 79901(b)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseUnit {
    #[serde(flatten)]
    pub key: UnitKey,
    pub occurred_first: Timestamp,
    pub occurred_last: Timestamp,
    pub access_count: u64,
    pub actions: Vec<String>,
    pub resources: Vec<String>,
    pub printed_or_exported: bool,
    pub unit_kind: UnitKind,
    /// When it came into the case.
    pub added_at: Timestamp,
    /// When it last became more; what was cleared before covers less than there is.
    pub grown_at: Timestamp,
    /// When the pipeline flagged it, never before its first access.
    pub flagged_at: Timestamp,
    /// When each growth was flagged, never before the last access that it brought; oldest first.
    pub growths: Vec<Timestamp>,
}

/// An incident that fed the case, as its newest handoff told it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseIncident {
    pub incident_id: String,
    pub kind: IncidentKind,
    pub severity: Severity,
    pub score: f64,
    pub status: Status,
    pub merged_into: Option<String>,
    pub contributions: Vec<Contribution>,
    pub degraded: Vec<String>,
    pub policy_hash: String,
    pub run_id: String,
    pub sequence: u32,
}

/// What holds at the facility, as it was when the case was opened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FacilityFacts {
    pub timezone: String,
    /// Licensed in California (79901(j)).
    pub california: bool,
    /// How often audit logs are reviewed, in days (164.308(a)(1)(ii)(D)).
    pub log_review_interval_days: u32,
    /// The calendar that counted the first deadlines.
    pub calendar_version: String,
    /// The time-zone database that did.
    pub tz_database: String,
}

impl FacilityFacts {
    /// What holds now at a facility.
    #[must_use]
    pub fn of(facility: &Facility) -> Self {
        Self {
            timezone: facility.zone.name().to_owned(),
            california: facility.california,
            log_review_interval_days: facility.log_review_interval_days,
            calendar_version: calendar::CALENDAR_VERSION.to_owned(),
            tz_database: Zone::database_version().to_owned(),
        }
    }

    /// The regimes with clocks of their own.
    #[must_use]
    pub fn regimes(&self) -> Regimes {
        if self.california { Regimes::BOTH } else { Regimes::HIPAA }
    }
}

/// Something that a person wrote down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub at: Timestamp,
    pub by: String,
    pub text: String,
}

/// Another case that this one may continue (22 CCR 79901(p)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub case_id: String,
    /// Why it was proposed.
    pub why: String,
    /// Who said that it does, or does not; `None` while nobody has.
    pub decided: Option<(String, bool)>,
}

/// A case as its events made it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// `c` and 26 base-32 characters of a hash of the first unit.
    pub case_id: String,
    pub opened_at: Timestamp,
    /// Made of a run whose "now" was given, or of synthetic data: no clock of it runs.
    pub is_rehearsal: bool,
    pub facility: FacilityFacts,
    /// By incident id.
    pub incidents: BTreeMap<String, CaseIncident>,
    /// In the order in which they came.
    pub units: Vec<CaseUnit>,
    pub clocks: CaseClocks,
    /// Who works on it.
    pub assignee: Option<String>,
    /// Who looked at it first, and when.
    pub first_looked: Option<(Timestamp, String)>,
    pub notes: Vec<Note>,
    pub facts: Facts,
    /// In the order in which they came into force; for each unit and regime the last one counts.
    pub decisions: Vec<Decision>,
    /// What waits for a second person.
    pub proposals: Vec<Proposal>,
    /// Proposals ever made; the next one's number follows.
    pub proposals_made: u32,
    /// What was sent to whom.
    pub notices: Vec<Notice>,
    /// The rows behind the units that were kept.
    pub evidence: Vec<Evidence>,
    pub links: Vec<Link>,
    /// Reminders that were given, by id.
    pub reminded: BTreeMap<String, Timestamp>,
    /// When its last event came.
    pub changed_at: Timestamp,
}

impl Case {
    /// The people who acted, each once.
    #[must_use]
    pub fn actors(&self) -> Vec<&str> {
        sorted(self.units.iter().map(|unit| unit.key.user_id.as_str()))
    }

    /// The patients affected, each once.
    #[must_use]
    pub fn patients(&self) -> Vec<&str> {
        sorted(self.units.iter().map(|unit| unit.key.patient_id.as_str()))
    }

    /// The facility's time zone; UTC where this program's database does not know it any more.
    #[must_use]
    pub fn zone(&self) -> Zone {
        Zone::named(&self.facility.timezone).unwrap_or_else(|_| Zone::utc())
    }

    /// The highest severity of its incidents.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.incidents.values().map(|incident| incident.severity).max().unwrap_or(Severity::Low)
    }

    /// The highest score of its incidents.
    #[must_use]
    pub fn score(&self) -> f64 {
        self.incidents.values().map(|incident| incident.score).fold(0.0, f64::max)
    }

    /// The incident that says most: one that stands before one that does not, then by score.
    #[must_use]
    pub fn leading(&self) -> Option<&CaseIncident> {
        let stands = |incident: &CaseIncident| matches!(incident.status, Status::Open | Status::Provisional);
        self.incidents
            .values()
            .max_by(|a, b| (stands(a), a.score).partial_cmp(&(stands(b), b.score)).unwrap_or(std::cmp::Ordering::Equal))
    }

    /// Whether every incident of it was taken back or explained. A hint for the reader, never a decision.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        !self.incidents.is_empty()
            && self.incidents.values().all(|incident| matches!(incident.status, Status::Withdrawn))
    }

    /// Whether all of it is somebody's own chart, a matter of house rules.
    #[must_use]
    pub fn is_policy(&self) -> bool {
        !self.units.is_empty() && self.units.iter().all(|unit| unit.unit_kind == UnitKind::Policy)
    }

    /// First and last moment of its units; corrected where a person did so.
    #[must_use]
    pub fn occurred(&self) -> Option<(Timestamp, Timestamp)> {
        let first = self.units.iter().map(|unit| unit.occurred_first).min()?;
        let last = self.units.iter().map(|unit| unit.occurred_last).max()?;
        Some((first, last))
    }
}

fn sorted<'a>(ids: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
