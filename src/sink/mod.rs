//! Sinks: where incidents are told to other systems.
//!
//! The engine's commit puts one message per handoff and sink into the store's outbox ([`routing`]).
//! Each sink has a [`driver::Driver`] of its own that takes what waits, encodes it and hands it to a
//! [`Transport`]; so a dead or slow sink holds nobody but itself. Delivery is at least once, under one
//! id, in order for each incident.

pub mod backoff;
pub mod driver;
pub mod encode;
pub mod file;
pub mod kafka;
pub mod kafka_context;
pub mod kafka_posts;
pub mod kafka_records;
pub mod kafka_rights;
pub mod kafka_transactions;
pub mod open;
pub mod pseudonym;
pub mod routing;
pub mod settings;
pub mod syslog;
mod view;

use std::future::Future;

use crate::model::incident::Severity;
use crate::model::time::Timestamp;

/// A handoff or a bulletin, ready for the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The same for every attempt, so that the receiver can drop copies.
    pub message_id: String,
    pub incident_id: String,
    /// What it tells of: the kind of the incident, or of the bulletin.
    pub kind: &'static str,
    pub severity: Severity,
    /// Event time of the handoff's emission.
    pub emitted_at: Timestamp,
    /// One line of text without its end.
    pub body: String,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// The receiver cannot take it now.
    Retry(String),
    /// The receiver will never take it.
    Refused(String),
}

/// A way to one receiver. Keeps its connection between calls and bounds every wait by itself.
pub trait Transport: Send {
    /// Sends in order. Returns one outcome per message, or fewer: the rest was not tried.
    fn send(&mut self, batch: &[Message]) -> impl Future<Output = Vec<Outcome>> + Send;
}
