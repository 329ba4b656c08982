//! What sinks read of a handoff's JSON.

use serde::Deserialize;

use crate::model::incident::{ChangeReason, Contribution, IncidentKind, Severity, Status};
use crate::model::time::Timestamp;

#[derive(Debug, Deserialize)]
pub(super) struct HandoffView {
    pub(super) handoff_id: String,
    pub(super) incident_id: String,
    pub(super) sequence: u32,
    pub(super) kind: IncidentKind,
    pub(super) severity: Severity,
    pub(super) score: f64,
    pub(super) status: Status,
    pub(super) reason: ChangeReason,
    pub(super) contributions: Vec<Contribution>,
    pub(super) units: Vec<UnitView>,
    pub(super) occurred_start: Timestamp,
    pub(super) occurred_end: Timestamp,
    pub(super) flagged_at: Option<Timestamp>,
    #[serde(default)]
    pub(super) detector_ids: Vec<String>,
    pub(super) detected: Option<Detected>,
    #[serde(default)]
    pub(super) degraded: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct UnitView {
    pub(super) patient_id: String,
    pub(super) user_id: String,
    pub(super) access_count: u64,
}

#[derive(Debug, Deserialize)]
pub(super) struct Detected {
    pub(super) at: Timestamp,
    pub(super) business_day: Option<String>,
}

impl HandoffView {
    /// # Errors
    /// A sentence that names the place only: the parser's own words can repeat a value.
    pub(super) fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| unreadable(&error))
    }
}

pub(super) fn unreadable(error: &serde_json::Error) -> String {
    format!("the handoff does not read at column {} of its JSON", error.column())
}
