//! `summary.json`: the run in numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use super::output::write_text;
use crate::model::incident::{Incident, IncidentKind, Severity, Status};
use crate::model::reject::RejectCode;
use crate::model::time::Timestamp;
use crate::telemetry::Usage;

/// What a run read and decided. `explained + unexplained + suspicious = accesses`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Decoded, deduplicated events with a patient and outcome success.
    pub accesses: u64,
    /// Accesses that a named record explains.
    pub explained: u64,
    /// The explained accesses, each once, by its strongest basis.
    pub explained_by: BTreeMap<String, u64>,
    /// Accesses that nothing explains and that no standing incident holds.
    pub unexplained: u64,
    /// Accesses of an incident that is not withdrawn.
    pub suspicious: u64,
    pub incidents: IncidentCounts,
    pub rejects: RejectCounts,
    /// Copies of an access that was already counted.
    pub duplicates: u64,
    /// Events that came later than the allowed lateness.
    pub late: u64,
    /// Events that concern no patient.
    pub without_patient: u64,
    /// Events with a patient and outcome denied or error.
    pub not_successful: u64,
    /// Accesses that were decided while part of the context was unknown.
    pub degraded: u64,
    /// Accesses about which a suppression muted something, by its id; left out where there is none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub muted: BTreeMap<String, u64>,
    /// Roles of the workforce table that no pattern of `[roles]` matches.
    pub unmatched_roles: BTreeSet<String>,
    /// People who opened charts and whom no workforce record names, where there is such a table.
    pub unknown_actor: Unnamed,
    /// Charts that were opened and that no patient record names, where there is such a table.
    pub unknown_patient: Unnamed,
    /// When the audit feed itself was silent for longer than it ever is.
    pub audit_feed_gap: Vec<FeedGap>,
    /// Rows of the reference data, by table, that say something else under the same id than an earlier row.
    pub context_conflicts: BTreeMap<&'static str, u64>,
    /// Fields of the input that mean nothing here, and how many records had them.
    pub unknown_fields: BTreeMap<String, u64>,
    /// Local times of the input that the clock change made ambiguous or impossible.
    pub local_times: LocalTimeCounts,
    /// What differs from run to run.
    pub measured: Measured,
}

/// Ids that reference data lack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unnamed {
    pub count: u64,
    /// The first of them in order, to look for what they have in common.
    pub first: Vec<String>,
}

impl Unnamed {
    /// How many ids are listed.
    pub const LISTED: usize = 20;

    /// Counts ids.
    #[must_use]
    pub fn of(ids: &BTreeSet<String>) -> Self {
        Self { count: ids.len() as u64, first: ids.iter().take(Self::LISTED).cloned().collect() }
    }
}

/// Full hours without a single event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct FeedGap {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// Incidents by kind, severity and status; names that did not occur stand with 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IncidentCounts {
    pub total: u64,
    pub by_kind: BTreeMap<&'static str, u64>,
    pub by_severity: BTreeMap<&'static str, u64>,
    pub by_status: BTreeMap<&'static str, u64>,
}

impl Default for IncidentCounts {
    fn default() -> Self {
        let kinds = [IncidentKind::Pair, IncidentKind::UserBurst, IncidentKind::PatientBurst, IncidentKind::Serial];
        let statuses = [Status::Provisional, Status::Open, Status::Withdrawn, Status::Merged];
        Self {
            total: 0,
            by_kind: kinds.map(|kind| (kind.name(), 0)).into(),
            by_severity: Severity::ALL.map(|severity| (severity.name(), 0)).into(),
            by_status: statuses.map(|status| (status.name(), 0)).into(),
        }
    }
}

impl IncidentCounts {
    /// Counts `incidents`.
    #[must_use]
    pub fn of(incidents: &[Incident]) -> Self {
        let mut counts = Self::default();
        for incident in incidents {
            counts.total += 1;
            *counts.by_kind.entry(incident.kind.name()).or_default() += 1;
            *counts.by_severity.entry(incident.severity.name()).or_default() += 1;
            *counts.by_status.entry(incident.status.name()).or_default() += 1;
        }
        counts
    }
}

/// Records that could not be used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RejectCounts {
    pub total: u64,
    pub by_reason: BTreeMap<&'static str, u64>,
}

impl RejectCounts {
    /// Counts one more record.
    pub fn add(&mut self, reason: RejectCode) {
        self.total += 1;
        *self.by_reason.entry(reason.name()).or_default() += 1;
    }
}

/// Times without an offset that fell into a change of the clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LocalTimeCounts {
    /// In an hour that occurs twice: the first was taken.
    pub repeated: u64,
    /// In an hour that does not exist: moved forward.
    pub skipped: u64,
}

/// Speed and size of this run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Measured {
    pub events_per_second: f64,
    /// The largest resident size, where the system tells it.
    pub peak_memory_bytes: Option<u64>,
    pub seconds: f64,
}

impl Measured {
    /// The figures of a run that decided `events` in `seconds`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn of(events: u64, seconds: f64) -> Self {
        let events_per_second = if seconds > 0.0 { events as f64 / seconds } else { 0.0 };
        Self { events_per_second, peak_memory_bytes: Usage::now().peak_bytes, seconds }
    }
}

impl Summary {
    /// Writes `summary.json` into `directory`.
    ///
    /// # Errors
    /// When the file cannot be written; the message names it.
    pub fn write(&self, directory: &Path) -> Result<()> {
        let mut text = serde_json::to_string_pretty(self).context("cannot put the summary into JSON")?;
        text.push('\n');
        write_text(directory, "summary.json", &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stand_in_the_documented_order() {
        let text = serde_json::to_string(&Summary::default()).unwrap();
        let keys = [
            "accesses",
            "explained",
            "explained_by",
            "unexplained",
            "suspicious",
            "incidents",
            "rejects",
            "duplicates",
            "late",
            "without_patient",
            "not_successful",
            "degraded",
            "unmatched_roles",
            "measured",
        ];
        let places: Vec<usize> = keys.iter().map(|key| text.find(&format!("\"{key}\":")).expect(key)).collect();
        assert!(places.is_sorted(), "{text}");
        for key in ["events_per_second", "peak_memory_bytes", "seconds"] {
            assert!(text.contains(key));
        }
    }

    #[test]
    fn every_kind_and_severity_is_counted_even_at_zero() {
        let value = serde_json::to_value(IncidentCounts::of(&[])).unwrap();
        assert_eq!(value["by_kind"]["patient_burst"], 0);
        assert_eq!(value["by_severity"].as_object().unwrap().len(), 4);
    }

    #[test]
    fn rejects_add_up_by_reason() {
        let mut rejects = RejectCounts::default();
        for reason in [RejectCode::NoActor, RejectCode::Future, RejectCode::NoActor] {
            rejects.add(reason);
        }
        assert_eq!((rejects.total, rejects.by_reason["no_actor"], rejects.by_reason["future"]), (3, 2, 1));
    }
}
