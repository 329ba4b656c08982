//! What the store keeps, in the words of its users.

use super::quarantine::{Overflow, QuarantineRecord, RecordId};
use super::register::EvidenceRow;
use crate::model::incident::{Incident, Severity};
use crate::model::time::Timestamp;

/// Everything that becomes true at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Commit {
    /// Rows of the engine's state that changed.
    pub state: Vec<StateRow>,
    /// How far each input partition was read.
    pub positions: Vec<Position>,
    /// Incidents that opened or changed.
    pub incidents: Vec<IncidentRecord>,
    /// Handoffs, in order of emission. Each names an incident of this commit or of an earlier one.
    pub handoffs: Vec<HandoffRecord>,
    /// Which sinks shall get which handoff.
    pub outbox: Vec<OutboxItem>,
    /// The accesses behind the units of the handoffs.
    pub evidence: Vec<EvidenceRow>,
    /// Input records that could not be used.
    pub quarantine: Vec<QuarantineRecord>,
    /// Those of which nothing is kept, because there were too many between two commits.
    pub only_counted: Overflow,
    /// Whole copies of records of earlier commits: partition and offset in the quarantine topic.
    pub copies: Vec<(RecordId, (i32, i64))>,
}

/// One row of the engine's state; the engine alone knows what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateRow {
    pub key: Vec<u8>,
    /// `None` deletes the row.
    pub value: Option<Vec<u8>>,
}

/// The engine's whole state: keys with their values, ordered by key.
pub type StateRows = Vec<(Vec<u8>, Vec<u8>)>;

/// How far an input partition was read and processed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub topic: String,
    pub partition: i32,
    /// The first offset that is not yet part of the state.
    pub next_offset: i64,
    /// Event time that the partition has reached, in microseconds since 1970.
    pub watermark: i64,
    /// By what the record before that offset is known again; none in a store of an earlier layout, and for the spool.
    pub last_record: Option<i64>,
}

/// When the pipeline did what with an incident. A field that was set once never changes again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clocks {
    /// When the pipeline received the earliest row.
    pub ingested_at: Option<Timestamp>,
    /// When the pipeline first held the access over the threshold.
    pub flagged_at: Option<Timestamp>,
    /// When the incident first stood where a person is expected to look.
    pub surfaced_at: Option<Timestamp>,
    /// The run that first reported the incident.
    pub run_id: Option<String>,
}

/// An incident as it stands now.
#[derive(Clone, Debug, PartialEq)]
pub struct IncidentRecord {
    pub incident: Incident,
    /// Fields that are `Some` fill those that the store does not have yet.
    pub clocks: Clocks,
}

/// A handoff as it was emitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandoffRecord {
    /// The same for the same emission in every run; a second record with this id is ignored.
    pub handoff_id: String,
    pub incident_id: String,
    /// 1, 2, 3 ... for each incident.
    pub sequence: u32,
    pub severity: Severity,
    /// Event time of the emission.
    pub emitted_at: Timestamp,
    /// The whole handoff, one line of JSON.
    pub json: String,
}

/// One handoff that one sink shall get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxItem {
    /// The sink's name.
    pub sink: String,
    /// Identifies the message at the receiver; a second item with this id for the same sink is ignored.
    pub message_id: String,
    pub handoff_id: String,
}

/// What a commit added; rows that were there before (a repetition after a crash) do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommitReceipt {
    pub handoffs: usize,
    pub outbox: usize,
    pub quarantined: usize,
    /// Records that could not be used and for which the quarantine had no room.
    pub only_counted: u64,
    /// Records of the quarantine that people were done with, removed to make room.
    pub cleared: usize,
}

/// A message that waits for its sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Names the entry in this store.
    pub id: i64,
    pub message_id: String,
    pub incident_id: String,
    /// Failed attempts so far.
    pub attempts: u32,
    pub severity: Severity,
    /// Event time of the handoff's emission.
    pub emitted_at: Timestamp,
    /// The whole handoff, or the whole bulletin.
    pub json: String,
}

/// Something that the register tells sinks: a reminder about a case, a checkpoint of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BulletinRecord {
    /// The same for the same thing; a second record with this id is ignored.
    pub bulletin_id: String,
    /// Within what the order is kept: the case, or the ledger.
    pub subject: String,
    pub severity: Severity,
    pub emitted_at: Timestamp,
    /// The whole bulletin, one line of JSON.
    pub json: String,
}

/// A message that its sink refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    pub id: i64,
    pub message_id: String,
    /// The handoff or bulletin that it tells.
    pub handoff_id: String,
    pub attempts: u32,
    pub reason: String,
}

/// How much waits for a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxDepth {
    pub sink: String,
    pub pending: u32,
    /// Refused for good and kept.
    pub dead: u32,
    /// Event time of the oldest waiting handoff.
    pub oldest: Option<Timestamp>,
}

/// What became of a batch of messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxMarks {
    /// The sink took these.
    pub delivered: Vec<i64>,
    /// The sink did not take these: id, why, when to try again.
    pub failed: Vec<(i64, String, Timestamp)>,
    /// The sink refuses these for good: id and why.
    pub dead: Vec<(i64, String)>,
    /// Incidents that stand where a person is expected to look since then; earlier values stay.
    pub surfaced: Vec<(String, Timestamp)>,
}
