//! Incidents: what the engine says about a person and the charts they opened.

use serde::{Deserialize, Serialize};

use super::access::Action;
use super::time::Timestamp;

/// What an incident groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentKind {
    /// One user, one patient.
    Pair,
    /// One user, many patients: harvesting.
    UserBurst,
    /// Many users, one patient: curiosity about a well-known person.
    PatientBurst,
    /// One user's small looks, each under the threshold.
    Serial,
}

impl IncidentKind {
    /// The name used in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pair => "pair",
            Self::UserBurst => "user_burst",
            Self::PatientBurst => "patient_burst",
            Self::Serial => "serial",
        }
    }
}

/// How urgent an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    /// Every severity, lowest first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The name used in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// One step higher; critical stays critical.
    #[must_use]
    pub const fn raised(self) -> Self {
        match self {
            Self::Low => Self::Medium,
            Self::Medium => Self::High,
            Self::High | Self::Critical => Self::Critical,
        }
    }
}

/// Where an incident stands. Only the engine moves it; none of these is a person's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Late context may still explain it.
    Provisional,
    /// Settled and unexplained.
    Open,
    /// A record that arrived later explains it; kept and reviewable.
    Withdrawn,
    /// Part of another incident.
    Merged,
}

impl Status {
    /// The name used in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Provisional => "provisional",
            Self::Open => "open",
            Self::Withdrawn => "withdrawn",
            Self::Merged => "merged",
        }
    }
}

/// One named, signed weight of an incident's score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contribution {
    /// A detector's id, or `explained:<basis>`.
    pub id: String,
    /// Log-odds that it adds (negative: takes away).
    pub weight: f64,
    /// One sentence in plain words, free of names, addresses and phone numbers.
    pub reason: String,
}

/// A group of accesses for one person to look at. Not yet a breach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// `i` and 26 base-32 characters; the same for the same episode in every run.
    pub incident_id: String,
    pub kind: IncidentKind,
    /// The person acting; `None` for a `patient_burst`.
    pub user_id: Option<String>,
    /// The people acting, for a `patient_burst`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_ids: Vec<String>,
    pub patient_ids: Vec<String>,
    /// 0..1: logistic of `prior` and all weights.
    pub score: f64,
    pub severity: Severity,
    pub status: Status,
    pub merged_into: Option<String>,
    pub occurred_first: Timestamp,
    pub occurred_last: Timestamp,
    pub access_count: u64,
    /// Log-odds of snooping before any evidence.
    pub prior: f64,
    pub contributions: Vec<Contribution>,
    /// Why the evidence is incomplete; empty when it is not.
    pub degraded: Vec<String>,
    /// The first [`Incident::LISTED_ACCESSES`] event ids.
    pub accesses: Vec<String>,
}

impl Incident {
    /// How many event ids an incident lists.
    pub const LISTED_ACCESSES: usize = 100;
}

/// Whether a unit counts as possible unauthorized access or as a matter of house rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UnitKind {
    Access,
    /// The person's own chart: 45 CFR 164.502(a)(1)(i) lets individuals have their own information;
    /// reading it through the work log-in is a policy matter.
    Policy,
}

/// One possible breach: each individual instance x one specific patient (22 CCR 79901(b)).
///
/// Identified by user, patient and first event, so that it counts once across incidents.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    pub patient_id: String,
    pub user_id: String,
    pub first_event_id: String,
    pub occurred_first: Timestamp,
    pub occurred_last: Timestamp,
    pub access_count: u64,
    pub actions: Vec<String>,
    pub resources: Vec<String>,
    pub printed_or_exported: bool,
    pub unit_kind: UnitKind,
}

impl Unit {
    /// Whether an action takes the chart's content out of the system.
    #[must_use]
    pub const fn takes_out(action: Action) -> bool {
        matches!(action, Action::Print | Action::Export)
    }
}

/// Why an incident is handed over (again).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeReason {
    Opened,
    Grew,
    Settled,
    Merged,
    Withdrawn,
}

impl ChangeReason {
    /// The name used in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Grew => "grew",
            Self::Settled => "settled",
            Self::Merged => "merged",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// An incident as it is handed to the breach evaluator. The shell adds the clock fields.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IncidentChange {
    /// Event time of the emission.
    pub emitted_at: Timestamp,
    /// 1, 2, 3 ... for each incident.
    pub sequence: u32,
    pub reason: ChangeReason,
    pub incident: Incident,
    pub units: Vec<Unit>,
    /// When the source system wrote the earliest row.
    pub recorded_at: Option<Timestamp>,
    /// When the hospital could first have reviewed the earliest row, where the source says so
    /// (live: Kafka append time).
    pub available_at: Option<Timestamp>,
    /// When the pipeline received the earliest row (live: wall clock of the poll).
    pub ingested_at: Option<Timestamp>,
}
