//! What sinks read of a handoff's or a bulletin's JSON.

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

/// What the register tells besides handoffs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BulletinKind {
    CaseReminder,
    LedgerCheckpoint,
}

impl BulletinKind {
    /// The name used in messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::CaseReminder => "case_reminder",
            Self::LedgerCheckpoint => "ledger_checkpoint",
        }
    }
}

/// No kind of a message has a longer name.
pub(super) const LONGEST_KIND: &str = BulletinKind::LedgerCheckpoint.name();

#[derive(Debug, Deserialize)]
pub(super) struct BulletinView {
    #[serde(rename = "type")]
    pub(super) kind: BulletinKind,
    pub(super) bulletin_id: String,
    /// The case; none for the ledger.
    pub(super) case_id: Option<String>,
    pub(super) severity: Severity,
    pub(super) at: Timestamp,
    pub(super) text: String,
    pub(super) alarm: Option<String>,
    pub(super) regime: Option<String>,
    pub(super) deadline: Option<String>,
    #[serde(default)]
    pub(super) escalate_to: Vec<String>,
    /// Of the ledger's newest entry.
    pub(super) sequence: Option<u64>,
    pub(super) hash: Option<String>,
}

/// What a waiting message tells.
#[derive(Debug)]
pub(super) enum View {
    Handoff(Box<HandoffView>),
    Bulletin(Box<BulletinView>),
}

impl View {
    /// # Errors
    /// A sentence that names the place only: the parser's own words can repeat a value.
    pub(super) fn parse(json: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Marked {
            /// Only bulletins have it.
            #[serde(rename = "type")]
            kind: Option<String>,
        }
        let marked: Marked = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
        match marked.kind {
            None => HandoffView::parse(json).map(Box::new).map(Self::Handoff),
            Some(_) => serde_json::from_str(json).map(Box::new).map(Self::Bulletin).map_err(|error| unreadable(&error)),
        }
    }
}

impl HandoffView {
    /// # Errors
    /// A sentence that names the place only: the parser's own words can repeat a value.
    pub(super) fn parse(json: &str) -> Result<Self, String> {
        serde_json::from_str(json).map_err(|error| unreadable(&error))
    }
}

pub(super) fn unreadable(error: &serde_json::Error) -> String {
    format!("the message does not read at column {} of its JSON", error.column())
}
